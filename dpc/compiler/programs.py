"""Programs from files and to files: models, packages, printed programs with their numbers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import GraphError, InputError
from dpc.frontend.importers.nvnmd import is_nvnmd, read_nvnmd
from dpc.frontend.importers.options import CIRCUIT
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.ir.verify import verify
from dpc.package import packed, safetensors
from dpc.package.read import PARAMS, PROGRAM, open_package

if TYPE_CHECKING:
    from dpc.frontend import Model

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Opened:
    """A program, and what is known of the model it came from."""

    program: Program
    digest: str | None = None  # SHA-256 of its file
    circuit: Mapping[str, Any] | None = None  # formats, of a model that was trained in fixed point


def lower(model: Model | Program | str | Path) -> tuple[Program, str | None]:
    """The program of a model, and the SHA-256 of the file it came from."""
    found = opened(model)
    return found.program, found.digest


def opened(model: Model | Program | str | Path) -> Opened:
    """The program of a model or of the file that holds one."""
    if isinstance(model, Program):
        return Opened(model)
    if not isinstance(model, (str, Path)):
        return Opened(model.lower(), None, model.config.get(CIRCUIT))
    path = Path(model)
    if not path.exists():
        raise InputError(f"{path}: no such file. Expected a model: .pt, .pth, .pb, .dp or .yaml")
    if is_nvnmd(path):
        return Opened(read_nvnmd(path))
    if path.is_dir():
        raise InputError(f"{path}: a folder. Give the model file that a package is made of")
    if path.suffix == ".dpir":
        return Opened(read_text(path))
    from dpc.frontend import load_model

    found = load_model(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Opened(replace(found.lower(), name=path.stem), digest, found.config.get(CIRCUIT))


def read_program(path: Path, params: str | None = None) -> Program:
    """A program from its text, a package folder or a model file."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if is_nvnmd(path):
        return read_nvnmd(path)
    if path.is_dir():
        return open_package(path).program()
    if path.suffix == ".dpir":
        return read_text(path, params)
    from dpc.frontend import load_model

    return load_model(path).lower()


def read_text(path: Path, params: str | Path | None = None) -> Program:
    """A printed program, with the numbers in `params`.

    By default these are in the file of the same name beside it, or for the program of a package
    in that package's params.safetensors. Without any it is a program without numbers.
    """
    numbers = path.with_suffix(SUFFIX)
    if params is not None:
        numbers = Path(params)
        if not numbers.is_file():
            raise InputError(f"{numbers}: no such file. Expected the numbers of {path}")
    elif path.name == PROGRAM:
        numbers = path.with_name(PARAMS)
    store = read_numbers(numbers) if numbers.is_file() else None
    try:
        return verify(parse(path.read_text(encoding="utf-8"), store, str(path)))
    except UnicodeDecodeError:
        raise InputError(f"{path}: not the text of a program: it is not UTF-8") from None
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None


def read_numbers(path: Path) -> Mapping[str, Any]:
    """The tensors of a params.safetensors."""
    return packed.unpack(*safetensors.load(path.read_bytes(), str(path)))


def write_program(path: Path, program: Program) -> None:
    """The text, and the numbers beside it."""
    files = {path: to_text(program).encode()}
    if len(program.store):
        files[path.with_suffix(SUFFIX)] = safetensors.save(dict(program.store))
    partial = {file: file.with_name(f".{file.name}.{os.getpid()}") for file in files}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            for file, content in files.items():
                partial[file].write_bytes(content)
            for file in files:
                partial[file].replace(file)
        finally:
            for file in partial.values():
                file.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
