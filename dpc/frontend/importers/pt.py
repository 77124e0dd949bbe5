"""DeePMD-kit's .pt checkpoints: {"model": state dict}, options in its `_extra_state`."""

from __future__ import annotations

from collections.abc import Mapping

from dpc.errors import InputError
from dpc.frontend.importers.state import read_state
from dpc.frontend.importers.torch_archive import TorchArchive
from dpc.frontend.model_file import ModelFile

_PREFIX = "model.Default."


def read(archive: TorchArchive) -> ModelFile:
    """Read the model of a checkpoint; optimizer and training state are left alone."""
    root, source = archive.root, archive.source
    state = root.get("model", root) if isinstance(root, Mapping) else None
    extra = state.get("_extra_state") if isinstance(state, Mapping) else None
    options = extra.get("model_params") if isinstance(extra, Mapping) else None
    if not isinstance(state, Mapping) or not isinstance(options, Mapping):
        raise InputError(
            f"{source}: a PyTorch file, but not a model of dpc or of DeePMD-kit "
            "(no model.pt keys, no 'model_params')"
        )
    return read_state(archive, options, state, _PREFIX)
