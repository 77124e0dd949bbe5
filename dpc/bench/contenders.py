"""Who takes part: packages of ours, and the peer's compressed models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dpc
from dpc.bench import peer
from dpc.bench.lammps_run import Lammps
from dpc.errors import ToolError, UsageError
from dpc.package.read import open_package

OWN, PEER = "dpc", "deepmd-kit"


@dataclass(frozen=True)
class Contender:
    """One way to compute a model in LAMMPS.

    `model` is the package or the model's file, `subject` the name of the model that it computes,
    `target` what it was compiled for. Names are unique in one measurement.
    """

    name: str
    kind: str
    model: Path
    lammps: Lammps
    precision: str = "f64"
    subject: str = ""
    target: str = ""
    version: str = ""

    def pair(self, elements: Sequence[str], threads: int = 1) -> str:
        """The lines of the input that differ between contenders."""
        style = "dpc" if self.kind == OWN else "deepmd"
        words = f" threads {threads}" if self.kind == OWN and threads > 1 else ""
        return (
            f"pair_style   {style} {self.model.resolve()}{words}\n"
            f"pair_coeff   * * {' '.join(elements)}"
        )

    @property
    def folder(self) -> str:
        """The name as part of a folder's name."""
        return self.name.replace(" ", "-").replace("/", "-")


def compile_options() -> str:
    """What `dpc compile --help` says: which options there are."""
    done = call_dpc("compile", "--help", capture=True)
    return done.stdout


def compile_model(
    model: Path,
    folder: Path,
    precision: str | None = None,
    target: str = "cpu",
    passes: str | None = None,
    name: str | None = None,
) -> Path:
    """`model` compiled by the command that a user would type; `precision` None: the default."""
    words = [word for word in (precision, target.partition(":")[2]) if word]
    package = folder / f"{name or '-'.join([model.stem, *words])}.dpc"
    folder.mkdir(parents=True, exist_ok=True)
    command = ["compile", str(model), "--target", target]
    if precision is not None and "--precision" in compile_options():
        command += ["--precision", precision]
    elif precision not in (None, "f64"):
        raise ToolError(f"--precision {precision}: this dpc compile has no --precision")
    if passes is not None:
        command += ["--passes", passes]
    print(f"compiling {model} to {package}", file=sys.stderr)
    if call_dpc(*command, "-o", str(package)).returncode:
        raise ToolError(f"dpc compile {model} failed; it says why above")
    return package


def call_dpc(
    *words: str, capture: bool = False, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run this dpc in a process of its own; what it prints goes to stderr, or is captured."""
    root = str(Path(dpc.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "dpc", *words],
        stdout=subprocess.PIPE if capture else sys.stderr,
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
        text=True,
        check=False,
    )


def own_contender(package: Path) -> Contender:
    """The package, in the LAMMPS of dpc's own environment."""
    from dpc import lammps

    manifest = open_package(package).manifest
    return Contender(
        OWN,
        OWN,
        package,
        Lammps(Path(sys.prefix), lammps.build_plugin().parent),
        str(manifest.target["precision"]),
        str(manifest.model["name"]),
        str(manifest.target["arch"]),
        f"dpc {manifest.dpc}",
    )


def peer_environment(work: Path) -> Path:
    """DeePMD-kit's environment in `work` or, if there, in .bench; else it is made in `work`."""
    places = [work.resolve() / "peer", Path(".bench/peer").resolve()]
    return peer.install(next((p for p in places if peer.is_installed(p)), places[0]))


def peer_contender(model: Path, work: Path, precision: str = "f64") -> Contender:
    """DeePMD-kit with `model` compressed; its environment is in `work` or, if there, in .bench."""
    environment = peer_environment(work)
    folder = work.resolve() / "peer-models"
    compressed = peer.compressed_model(model, environment, folder, precision)
    return Contender(
        PEER,
        PEER,
        compressed,
        peer.peer_lammps(environment),
        precision,
        model.stem,
        "tensorflow",
        f"deepmd-kit {peer.VERSION}",
    )


def named(contenders: Sequence[Contender]) -> list[Contender]:
    """The same with names of their own: what tells those of a kind apart, else the file's name."""
    result = []
    for one in contenders:
        kin = [other for other in contenders if other.kind == one.kind]
        words = [
            str(getattr(one, feature))
            for feature in ("subject", "precision", "target")
            if len({getattr(other, feature) for other in kin}) > 1
        ]
        result.append(replace(one, name=" ".join([one.kind, *words])))
    names = [one.name for one in result]
    result = [
        replace(one, name=f"{one.name} {one.model.stem}") if names.count(one.name) > 1 else one
        for one in result
    ]
    if len({one.name for one in result}) < len(result):
        raise UsageError("the same package twice, or two of one name: rename one of them")
    return result


def baseline(one: Contender, contenders: Sequence[Contender]) -> Contender | None:
    """The peer's contender that a package is compared with: same model, nearest precision.

    Packages in mixed precision are compared with the peer's f32.
    """
    if one.kind != OWN:
        return None
    peers = [other for other in contenders if other.kind == PEER]
    same = [other for other in peers if other.subject == one.subject]
    if not same and len({other.subject for other in peers}) == 1:
        same = peers  # a package whose model has another name than the file
    wanted = "f64" if one.precision == "f64" else "f32"
    near = [other for other in same if other.precision == wanted]
    return next(iter(near or same), None)
