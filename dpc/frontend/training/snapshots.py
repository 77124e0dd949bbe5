"""Checkpoints: a model.pt that also holds where its training was.

A file appears whole or not at all; the newest `keep` stay. `prefix-STEP.pt` are the files,
`checkpoint` names the newest.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dpc.errors import InputError
from dpc.frontend.checkpoint import FORMAT
from dpc.frontend.model_file import ModelFile

TRAINING_FORMAT = 1


@dataclass
class Snapshot:
    """The heads by name ('' is the only one of an ordinary run) and the state of their training."""

    heads: dict[str, ModelFile]
    step: int
    state: dict[str, Any]  # optimizer, loaders, running means: plain values and tensors


def pack(snapshot: Snapshot) -> dict[str, Any]:
    """What torch.save writes. One head looks like a model.pt to every reader of models."""
    training = {"format": TRAINING_FORMAT, "step": snapshot.step, **snapshot.state}
    heads = {name: _head(head) for name, head in snapshot.heads.items()}
    if list(heads) == [""]:
        return {"dpc_format": FORMAT, **heads[""], "training": training}
    return {"dpc_format": FORMAT, "heads": heads, "training": training}


def _head(model: ModelFile) -> dict[str, Any]:
    return {
        "config": json.dumps(model.config),
        "min_nbor_dist": model.min_nbor_dist,
        "tensors": {name: torch.from_numpy(array) for name, array in model.tensors.items()},
    }


def read_snapshot(path: Path) -> Snapshot:
    """A checkpoint of ours; nothing in it runs."""
    try:
        root = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint{_others(path)}") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path}: not a checkpoint, or damaged ({reason}){_others(path)}"
        ) from None
    training = root.get("training") if isinstance(root, dict) else None
    if not isinstance(training, dict):
        raise InputError(
            f"{path}: a model without the state of a training. To start from its weights, "
            f"use --init-model {path}"
        )
    if training.get("format") != TRAINING_FORMAT:
        raise InputError(f"{path}: written by another version of dpc. Use --init-model {path}")
    heads = {"": root} if "tensors" in root else root["heads"]
    return Snapshot(
        {name: _model_file(head) for name, head in heads.items()},
        int(training["step"]),
        {k: v for k, v in training.items() if k not in ("format", "step")},
    )


def _model_file(head: dict[str, Any]) -> ModelFile:
    tensors = {name: tensor.numpy() for name, tensor in head["tensors"].items()}
    return ModelFile(json.loads(head["config"]), tensors, head["min_nbor_dist"])


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place in one step, on the disk before it has its name."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Snapshots:
    """The checkpoints of one run in a folder."""

    def __init__(self, folder: Path, prefix: str, keep: int) -> None:
        self.folder, self.prefix, self.keep = folder, prefix, keep
        self.last: Path | None = None

    def path(self, step: int) -> Path:
        """The file of a step."""
        return self.folder / f"{self.prefix}-{step}.pt"

    def write(self, snapshot: Snapshot) -> Path:
        """Write one and drop the oldest."""
        buffer = io.BytesIO()
        torch.save(pack(snapshot), buffer)
        path = self.path(snapshot.step)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, buffer.getvalue())
            write_whole(self.folder / "checkpoint", f"{path.name}\n".encode())
        except OSError as error:
            last = f"The last good checkpoint is {self.last}" if self.last else "There is none yet"
            raise InputError(
                f"{path}: cannot be written ({error.strerror or error}). {last}. Free some space, "
                "then go on with --restart"
            ) from error
        self.last = path
        self._drop_old()
        return path

    def _drop_old(self) -> None:
        if self.keep:
            for path in found(self.folder, self.prefix)[: -self.keep]:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(f".{self.prefix}-*.pt.*"):  # of a run that was killed
            path.unlink(missing_ok=True)


def found(folder: Path, prefix: str) -> list[Path]:
    """Checkpoints with this prefix, oldest first."""
    name = re.compile(re.escape(prefix) + r"-(\d+)\.pt")
    steps = [(int(m[1]), p) for p in folder.glob(f"{prefix}-*.pt") if (m := name.fullmatch(p.name))]
    return [path for _, path in sorted(steps)]


def find_snapshot(word: Path) -> Path:
    """The checkpoint that a user means: a file, a prefix such as model.ckpt, or a folder."""
    if word.is_file():
        return word
    if word.is_dir():
        pointer = word / "checkpoint"
        if pointer.is_file() and (path := word / pointer.read_text().strip()).is_file():
            return path
        raise InputError(f"{word}: a folder without checkpoints")
    if files := found(word.parent, word.name):
        return files[-1]
    raise InputError(f"{word}: no such checkpoint{_others(word)}")


def _others(path: Path) -> str:
    near = sorted(p.name for p in path.parent.glob("*-*.pt"))[-3:]
    return f". There are: {', '.join(near)}" if near else ""
