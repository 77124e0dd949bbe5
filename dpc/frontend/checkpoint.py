"""Our own model.pt: a config and tensors, nothing that runs.

    torch.save of {"dpc_format": 1, "config": JSON text, "min_nbor_dist": float or None,
                   "tensors": {name: tensor}}

A checkpoint of a training has the key "training" as well; one of several models has "heads", a
dictionary of such models by name.

It loads with torch.load(weights_only=True); `read` needs no torch at all.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpc.errors import InputError, did_you_mean
from dpc.frontend.library import library

if TYPE_CHECKING:
    from dpc.frontend.importers.torch_archive import TorchArchive
    from dpc.frontend.model_file import ModelFile

FORMAT = 1


def is_ours(root: Any) -> bool:
    """Whether the object in a PyTorch file is a model of dpc."""
    return isinstance(root, Mapping) and "dpc_format" in root


def read(archive: TorchArchive, head: str = "") -> ModelFile:
    """The model in an open archive that `is_ours`; `head` names one of a multi-task checkpoint."""
    from dpc.frontend.importers.assemble import assemble
    from dpc.frontend.importers.options import normalize
    from dpc.frontend.importers.torch_archive import Stored

    root, source = archive.root, archive.source
    if root["dpc_format"] != FORMAT:
        raise InputError(
            f"{source}: written in format {root['dpc_format']!r}, this dpc reads {FORMAT}. "
            "Use a newer dpc"
        )
    root = _head(root, head, source)
    config, tensors = root.get("config"), root.get("tensors")
    if not isinstance(config, str) or not isinstance(tensors, Mapping):
        raise InputError(f"{source}: config or tensors are missing. The file is damaged")
    try:
        options = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: config is not JSON ({error})") from error
    used: set[str] = set()

    def lookup(name: str) -> tuple[str, np.ndarray | None]:
        used.add(name)
        stored = tensors.get(name)
        return name, archive.array(stored, name) if isinstance(stored, Stored) else None

    result = assemble(
        normalize(options, source), lookup, root.get("min_nbor_dist"), source, one_row=True
    )
    if surplus := [name for name in tensors if name not in used]:
        raise InputError(f"{source}: tensors that the config does not explain: {surplus}")
    return result


def _head(root: Mapping[str, Any], head: str, source: str) -> Mapping[str, Any]:
    """The part of a file that holds one model."""
    heads = root.get("heads")
    if not isinstance(heads, Mapping):
        if head:
            raise InputError(f"{source}: holds one model, and no head {head!r}")
        return root
    names = ", ".join(map(str, heads))
    if not head:
        raise InputError(
            f"{source}: a checkpoint of several models: {names}. Take one out:\n"
            f"    dpc convert {source} OUT.pt --head NAME"
        )
    if not isinstance(heads.get(head), Mapping):
        raise InputError(
            f"{source}: no head {head!r}.{did_you_mean(head, heads)} There are: {names}"
        )
    return heads[head]  # type: ignore[no-any-return]


def write(model_file: ModelFile, path: Path) -> None:
    """Write model.pt; the same model gives the same bytes."""
    torch = library("torch", "torch")
    content = {
        "dpc_format": FORMAT,
        "config": json.dumps(model_file.config),
        "min_nbor_dist": model_file.min_nbor_dist,
        "tensors": {
            name: torch.from_numpy(np.array(array)) for name, array in model_file.tensors.items()
        },
    }
    # through memory: torch.save would put the name of the file into the file
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue())
