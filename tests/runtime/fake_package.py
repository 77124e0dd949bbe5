"""A compiled package around a potential written by hand, for tests of the runtime.

It follows the layout of a package without using dpc.package, so that reader and writer
of the real thing are each checked against something else.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime"
RCUT = 4.0
WEIGHTS = [[-0.8, 0.5], [0.3, -0.4]]  # w[center][neighbor], not symmetric on purpose
BIAS = [-1.5, 0.25]


def compile_host(path: Path, flags: Sequence[str] = (), **defines: str) -> Path:
    """bin/host.so from runtime/tests/fake_host.c; defines are its FAKE_* switches."""
    switches = [f"-DFAKE_{name.upper()}={value}" for name, value in defines.items()]
    source = RUNTIME / "tests" / "fake_host.c"
    command = ["gcc", "-std=c11", "-O1", "-shared", "-fPIC", *flags, *switches]
    command += [f"-I{RUNTIME / 'include'}", str(source), "-lm", "-o", str(path)]
    subprocess.run(command, check=True)
    return path


def params() -> bytes:
    """A safetensors file whose data starts on a multiple of 64 bytes."""
    header = json.dumps(
        {
            "w": {"dtype": "F64", "shape": [2, 2], "data_offsets": [0, 32]},
            "bias": {"dtype": "F64", "shape": [2], "data_offsets": [32, 48]},
        }
    ).encode()
    header = header.ljust(-(-(len(header) + 8) // 64) * 64 - 8)
    numbers = [*WEIGHTS[0], *WEIGHTS[1], *BIAS]
    return struct.pack("<Q", len(header)) + header + struct.pack("<6d", *numbers)


def manifest_bytes(facts: dict[str, Any]) -> bytes:
    """The text of manifest.json with its own digest as the last line."""
    text = json.dumps({**facts, "sha256": "0" * 64}, indent=1) + "\n"
    body = text[: text.rindex('\n "sha256": "')].encode()
    digest = hashlib.sha256(body).hexdigest()
    return body + f'\n "sha256": "{digest}"\n}}\n'.encode()


def facts_of(files: dict[str, bytes], **model: Any) -> dict[str, Any]:
    """What the manifest says: `model` overrides entries of its model section."""
    outputs = ["energy", "force", "virial", "atom_energy", "atom_virial"]
    defaults = {
        "name": "fake",
        "type_map": ["O", "H"],
        "rcut": RCUT,
        "sel": [46, 92],
        "outputs": outputs,
        "fparam": 0,
        "aparam": 0,
        "min_nbor_dist": 0.8,
        "source_sha256": "",
        "citation": ["10.0/é"],
    }
    return {
        "format": 1,
        "abi": 1,
        "dpc": "0.1.0",
        "created": "2026-01-01T00:00:00Z",
        "model": {**defaults, **model},
        "target": {"kind": "cpu", "arch": "x86-64", "precision": "f64"},
        "pipeline": "canonicalize",
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
    }


def write_package(
    folder: Path,
    host: Path,
    facts: dict[str, Any] | None = None,
    extra: dict[str, bytes] | None = None,
    **model: Any,
) -> Path:
    """Writes a package; `facts` replaces entries of the manifest, `extra` adds files."""
    files = {
        "bin/host.so": host.read_bytes(),
        "params.safetensors": params(),
        "program.dpir": b"program fake\n",
        "report.json": b"{}\n",
        **(extra or {}),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    said = {**facts_of(files, **model), **(facts or {})}
    (folder / "manifest.json").write_bytes(manifest_bytes(said))
    return folder
