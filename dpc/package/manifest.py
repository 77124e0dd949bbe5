"""manifest.json: what a package says of itself.

Its last line but one is the SHA-256 of all that stands before that line, so that a reader
without a JSON library can check it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dpc.errors import InputError
from dpc.ir.program import Program

FORMAT = 1
"""Layout of the folder. New optional fields do not raise it."""
ABI = 1
"""Contract between bin/host.so and libdpc: DPC_ABI of dpc_model.h."""

NAME = "manifest.json"
_DIGEST_LINE = re.compile(r'\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


@dataclass(frozen=True)
class FileEntry:
    """One file of the folder."""

    size: int
    sha256: str

    @staticmethod
    def of(data: bytes) -> FileEntry:
        """Size and digest of a file's bytes."""
        return FileEntry(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json.

    `model`: name, type_map, rcut, sel, outputs, fparam, aparam, min_nbor_dist, source_sha256,
    citation. `target`: kind, arch, precision. `files`: path in the folder to size and digest.
    """

    model: Mapping[str, Any]
    target: Mapping[str, Any]
    pipeline: str
    dpc: str
    created: str
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    format: int = FORMAT
    abi: int = ABI

    def to_text(self) -> str:
        """The file's text, digest included."""
        content = {
            "format": self.format,
            "abi": self.abi,
            "dpc": self.dpc,
            "created": self.created,
            "model": dict(self.model),
            "target": dict(self.target),
            "pipeline": self.pipeline,
            "files": {
                name: {"size": entry.size, "sha256": entry.sha256}
                for name, entry in sorted(self.files.items())
            },
            "sha256": "0" * 64,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        body = text[: text.rindex('\n "sha256": "')]
        return f'{body}\n "sha256": "{_digest(body)}"\n}}\n'


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


CITATION = ("10.1063/5.0155600", "10.48550/arXiv.1805.09003")
"""DeePMD-kit v2 (J. Chem. Phys. 159, 054801) and DeepPot-SE (NeurIPS 31)."""


def model_section(program: Program, source_sha256: str | None) -> dict[str, Any]:
    """What the manifest says of the model; `source_sha256` is of the file it was read from."""
    facts = program.facts
    given = ("force", "virial", "atom_energy", "atom_virial")
    return {
        "name": program.name,
        "type_map": list(facts.type_map),
        "rcut": facts.rcut,
        "sel": list(facts.sel),
        "outputs": ["energy", *(name for name in given if name in program.energy.outputs)],
        "fparam": facts.fparam,
        "aparam": facts.aparam,
        "min_nbor_dist": facts.min_nbor_dist,
        "source_sha256": source_sha256,
        "citation": list(CITATION),
    }


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read and check manifest.json; `where` is the package's path, for errors."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError(_damaged(where, "it is not UTF-8 text")) from None
    line = _DIGEST_LINE.search(text)
    if line is None:
        raise InputError(_damaged(where, "its last lines are not the SHA-256 of the rest"))
    if _digest(text[: line.start()]) != line[1]:
        raise InputError(_damaged(where, "its SHA-256 does not match its content"))
    try:
        content = json.loads(text)
        refuse_other_versions(content, where)
        files = {
            name: FileEntry(int(entry["size"]), str(entry["sha256"]))
            for name, entry in content["files"].items()
        }
        manifest = Manifest(
            content["model"],
            content["target"],
            content["pipeline"],
            content["dpc"],
            content["created"],
            files,
            content["format"],
            content["abi"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(_damaged(where, f"{error!r} while reading its fields")) from None
    for name in files:
        if not _FILE_NAME.fullmatch(name) or ".." in name.split("/"):
            raise InputError(_damaged(where, f"it names a file outside the package: {name!r}"))
    return manifest


def refuse_other_versions(content: Mapping[str, Any], where: str) -> None:
    """A package of another format or ABI is compiled again, never half understood."""
    for key, known, who in (("format", FORMAT, "dpc"), ("abi", ABI, "libdpc")):
        if content[key] != known:
            newer = "newer" if content[key] > known else "older"
            raise InputError(
                f"{where}: {key} {content[key]} is {newer} than this {who}, which reads {known}. "
                + ("Upgrade dpc, or c" if newer == "newer" else "C")
                + "ompile the model again with this version."
            )


def _damaged(where: str, why: str) -> str:
    return f"{where}: {NAME} is damaged: {why}. Compile the model again."
