"""Reads PyTorch's zip files (checkpoints and TorchScript) without PyTorch, running nothing.

An archive holds `NAME/data.pkl`, a pickle of containers whose tensors point into the raw storages
`NAME/data/0`, `NAME/data/1`, …. The pickle is read by an unpickler that knows tensors, storages
and plain containers; any other class must be TorchScript's own (`__torch__.…`) and becomes a
`Record`, a bag of attributes without behaviour.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dpc.errors import InputError

MAGIC = b"PK\x03\x04"
_MAX_ELEMENTS = 1 << 28
# DeePMD-kit's models have no tensors in other types; bfloat16 and the rest are named when met.
_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "bool")


@dataclass(frozen=True)
class Stored:
    """A tensor in the archive, not read yet: where its numbers are and how they are laid out."""

    storage: str
    key: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Record:
    """An object of a TorchScript class: its attributes, nothing else."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("the state of an object is not a dict of attributes")
        self.__dict__.update(state)


class _Storage:
    """Stands for a storage class such as torch.DoubleStorage."""

    def __init__(self, name: str) -> None:
        self.name = name


def _rebuild_tensor(storage: Any, offset: int, shape: Any, stride: Any, *_: Any) -> Stored:
    name, key = storage
    numbers = (offset, *shape, *stride)
    if not all(isinstance(n, int) and n >= 0 for n in numbers) or len(shape) != len(stride):
        raise pickle.UnpicklingError("a tensor has an impossible layout")
    return Stored(name, key, offset, tuple(shape), tuple(stride))


def _same(value: Any, *_: Any) -> Any:
    return value


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _same,
    ("torch.jit._pickle", "restore_type_tag"): _same,
    ("torch.jit._pickle", "build_intlist"): _same,
    ("torch.jit._pickle", "build_doublelist"): _same,
    ("torch.jit._pickle", "build_boollist"): _same,
    ("torch.jit._pickle", "build_tensorlist"): _same,
    ("torch", "Size"): _same,
    ("torch", "device"): _same,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module == "torch" and name.endswith("Storage"):
            return _Storage(name)
        if module == "torch" and name in _DTYPES:
            return name
        if module.startswith("__torch__"):
            return type("Record", (Record,), {"name": f"{module}.{name}"})
        raise pickle.UnpicklingError(
            f"it holds {module}.{name}, which is neither a tensor nor a setting; refused"
        )

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, storage, key, *_ = pid
        if kind != "storage" or not isinstance(storage, _Storage) or not isinstance(key, str):
            raise pickle.UnpicklingError("a tensor does not say where its numbers are")
        return storage.name, key


class TorchArchive:
    """An open archive: `root` is the unpickled object, `array` reads one of its tensors."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
            self._entries = {i.filename: i for i in self._zip.infolist()}
            pickles = [n for n in self._entries if n.endswith("/data.pkl") and n.count("/") == 1]
            if len(pickles) != 1:
                raise InputError(
                    f"{self.source}: a zip file, but not one of PyTorch (no single data.pkl). "
                    "Expected a model.pt or frozen_model.pth"
                )
            self._prefix = pickles[0].removesuffix("data.pkl")
            self.root: Any = self._unpickle(self._read("data.pkl"))
        except InputError:
            raise
        except Exception as error:  # the zip and pickle modules raise nearly anything on damage
            self.close()
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> InputError:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return InputError(
            f"{self.source}: not a readable PyTorch file, or damaged ({reason}). "
            "Copy it again, or save it again"
        )

    @property
    def is_torchscript(self) -> bool:
        """Frozen by torch.jit, against saved by torch.save."""
        return self._prefix + "constants.pkl" in self._entries

    def has(self, name: str) -> bool:
        """Whether a non-empty file of this name is in the archive."""
        entry = self._entries.get(self._prefix + name)
        return entry is not None and entry.file_size > 0

    def array(self, tensor: Stored, name: str) -> np.ndarray:
        """The numbers of a tensor, checked against the archive's CRC-32."""
        if tensor.storage not in _STORAGES:
            raise InputError(
                f"{self.source}: tensor {name} is a {tensor.storage}, expected float32 or float64"
            )
        order = ">" if self._byteorder() == "big" else "<"
        dtype = np.dtype(order + _STORAGES[tensor.storage])
        last = tensor.offset + sum(
            (n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True)
        )
        count = math.prod(tensor.shape)
        data = self._read(f"data/{tensor.key}")
        raw = np.frombuffer(data, dtype, count=len(data) // dtype.itemsize)
        if count > _MAX_ELEMENTS or (count and last >= len(raw)):
            raise InputError(
                f"{self.source}: tensor {name} of shape {list(tensor.shape)} does not fit its "
                f"{len(raw)} stored numbers. The file is damaged"
            )
        if count == 0:
            return np.zeros(tensor.shape, dtype.newbyteorder("="))
        strides = tuple(s * dtype.itemsize for s in tensor.stride)
        view = np.lib.stride_tricks.as_strided(raw[tensor.offset :], tensor.shape, strides)
        return view.astype(dtype.newbyteorder("="))

    def close(self) -> None:
        if hasattr(self, "_zip"):
            self._zip.close()

    def __enter__(self) -> TorchArchive:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _byteorder(self) -> str:
        return (
            self._read("byteorder").decode("ascii", "replace")
            if self.has("byteorder")
            else "little"
        )

    def _read(self, name: str) -> bytes:
        entry = self._entries.get(self._prefix + name)
        if entry is None:
            raise InputError(f"{self.source}: {name} is missing. The file is damaged")
        # PyTorch stores without compression; anything else may unfold without limit
        if entry.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{self.source}: {name} is compressed, which PyTorch does not do")
        try:
            return self._zip.read(entry)  # checks the CRC-32
        except Exception as error:
            raise self._damaged(error) from error

    @staticmethod
    def _unpickle(data: bytes) -> Any:
        # a damaged memo index would make the unpickler allocate without limit
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(data):
                raise pickle.UnpicklingError("a memo index is out of range")
        return _Unpickler(io.BytesIO(data)).load()
