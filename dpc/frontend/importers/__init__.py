"""Reads and writes model files of any format: one format, one module.

    .pt    our own checkpoint, or DeePMD-kit's     .pth   frozen TorchScript (read only)
    .dp    DeePMD-kit's HDF5 file                  .pb    frozen TensorFlow graph (read only)
    .yaml  the same as text              config.npy and weight.npy: of NVNMD training (read only)

None of them needs DeePMD-kit, TensorFlow or (but for writing .pt) PyTorch, and none runs code
from the file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dpc.errors import InputError, UsageError
from dpc.frontend import checkpoint
from dpc.frontend.importers import dp, nvnmd, pb, pt, pth, yaml
from dpc.frontend.importers.torch_archive import MAGIC as ZIP_MAGIC
from dpc.frontend.importers.torch_archive import TorchArchive
from dpc.frontend.model_file import ModelFile

READABLE = "model.pt, .pth, .dp, .yaml, .pb"
WRITERS = {".pt": checkpoint.write, ".dp": dp.write, ".yaml": yaml.write, ".yml": yaml.write}


def read_model(path: str | os.PathLike[str], head: str = "") -> ModelFile:
    """Read a model file; its first bytes, not its suffix, say which format it is.

    `head` names one of the models of a multi-task checkpoint.
    """
    path = Path(path)
    if nvnmd.is_nvnmd(path):
        return nvnmd.read_nvnmd_file(path)
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a model file. dpc reads {READABLE}")
    if path.suffix == ".dpir":
        raise InputError(f"{path}: the text of a program, not a model. dpc reads {READABLE}")
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if start.startswith(dp.MAGIC):
        return dp.read(path)
    if start.startswith(ZIP_MAGIC):
        return _read_zip(path, head)
    if head:
        raise InputError(f"{path}: only checkpoints of dpc train hold several models")
    if _is_text(start):
        return yaml.read(path)
    if start.startswith(b"\n"):  # protobuf: field 1 (node), length-delimited
        return pb.read(path)
    reason = "empty" if not start else "of an unknown format, or damaged at its start"
    raise InputError(f"{path}: the file is {reason}. dpc reads {READABLE}")


def _read_zip(path: Path, head: str) -> ModelFile:
    with TorchArchive(path) as archive:
        if archive.is_torchscript:
            return pth.read(archive)
        if checkpoint.is_ours(archive.root):
            return checkpoint.read(archive, head)
        return pt.read(archive)


def _is_text(head: bytes) -> bool:
    """Whether the start of a file is printable UTF-8 (the last character may be cut)."""
    text = head.decode("utf-8", "ignore")
    if not text or len(head) - len(text.encode()) > 3:
        return False
    return all(c.isprintable() or c in "\t\r\n" for c in text)


def write_model(model_file: ModelFile, path: str | os.PathLike[str]) -> None:
    """Write a model file in the format of its suffix; nothing is left behind on failure."""
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UsageError(
            f"{path}: cannot write '{path.suffix or 'a file without suffix'}'. "
            f"dpc writes {', '.join(WRITERS)}"
        )
    model_file.check(str(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    try:
        writer(model_file, Path(temporary))
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only the owner reads
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
