"""DeePMD-kit's .pth files: TorchScript archives. Tensors and one JSON text are read, no code."""

from __future__ import annotations

import json
from typing import Any

from dpc.errors import InputError
from dpc.frontend.importers.state import read_state
from dpc.frontend.importers.torch_archive import Record, Stored, TorchArchive
from dpc.frontend.model_file import ModelFile

_MAX_DEPTH = 32


def read(archive: TorchArchive) -> ModelFile:
    """Read a frozen model from the attributes of its modules."""
    source = archive.source
    script = getattr(archive.root, "model_def_script", None)
    if not isinstance(archive.root, Record) or not isinstance(script, str):
        raise InputError(
            f"{source}: a TorchScript file, but not a model of DeePMD-kit (no 'model_def_script')"
        )
    if archive.has("extra/data_modifier.pth"):
        raise InputError(f"{source}: the model has a data modifier (DPLR), which is not supported")
    try:
        model = json.loads(script)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: model_def_script is not JSON ({error})") from error
    tensors: dict[str, Stored] = {}
    _collect(archive.root, "", tensors, 0)
    return read_state(archive, model, tensors, "")


def _collect(record: Record, prefix: str, tensors: dict[str, Stored], depth: int) -> None:
    """Tensors by the path of attributes that leads to them, as in a state dict."""
    if depth > _MAX_DEPTH:
        return
    for name, value in _attributes(record):
        if isinstance(value, Stored):
            tensors[prefix + name] = value
        elif isinstance(value, Record) and name != "_networks":  # a second name for `networks`
            _collect(value, f"{prefix}{name}.", tensors, depth + 1)


def _attributes(record: Record) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(record).items() if isinstance(name, str)]
