"""Read a package back, checking every byte of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dpc.errors import InputError
from dpc.ir.parser import parse
from dpc.ir.program import Program
from dpc.package import packed, safetensors
from dpc.package.manifest import NAME, FileEntry, Manifest, parse_manifest

PROGRAM = "program.dpir"
PARAMS = "params.safetensors"
HOST = "bin/host.so"
REPORT = "report.json"
PAGE = "report.html"


@dataclass(frozen=True)
class Package:
    """An opened package. Files are read and checked when asked for."""

    path: Path
    manifest: Manifest

    def read(self, name: str) -> bytes:
        """One file's bytes, which match the manifest."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise InputError(f"{self.path}: the package has no {name}. Compile the model again.")
        return _read_checked(self.path, name, entry)

    def program(self) -> Program:
        """The program as compiled, with its numbers."""
        arrays, metadata = safetensors.load(self.read(PARAMS), f"{self.path}/{PARAMS}")
        numbers = packed.unpack(arrays, metadata)
        return parse(self.read(PROGRAM).decode(), numbers)

    def verify(self) -> None:
        """Check every file."""
        for name in self.manifest.files:
            self.read(name)


def is_package(path: Path) -> bool:
    """Does the path look like a package?"""
    return (path / NAME).is_file()


def open_package(path: Path) -> Package:
    """Open a package: its manifest is whole, of a known version, and all files are there."""
    if not path.exists():
        raise InputError(f"{path}: no such package")
    if not is_package(path):
        raise InputError(
            f"{path} is not a package: it has no {NAME}. "
            "Make one with: dpc compile MODEL --target cpu -o NAME.dpc"
        )
    manifest = parse_manifest((path / NAME).read_bytes(), str(path))
    for name, entry in manifest.files.items():
        _check_size(path, name, entry)
    return Package(path, manifest)


def _check_size(path: Path, name: str, entry: FileEntry) -> None:
    file = path / name
    if not file.is_file():
        raise InputError(f"{path}: {name} is missing. Copy the whole folder, or compile again.")
    size = file.stat().st_size
    if size != entry.size:
        raise InputError(
            f"{path}: {name} has {size} bytes, but the manifest says {entry.size}: it was cut "
            "off or changed. Copy the package again, or compile again."
        )


def _read_checked(path: Path, name: str, entry: FileEntry) -> bytes:
    _check_size(path, name, entry)
    data = (path / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise InputError(
            f"{path}: {name} is damaged: its SHA-256 is not the manifest's. "
            "Copy the package again, or compile again."
        )
    return data
