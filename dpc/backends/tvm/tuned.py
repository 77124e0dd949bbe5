"""Tunings that `dpc tune` found on this machine, kept for later compilations.

A tuning changes the speed of a package, never its results: sums are in the same order.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.cpu import processor


def load(target: Target, dtype: str) -> Tuning | None:
    """What was found for kernels of this number format; None when nothing was, or is damaged."""
    try:
        content = json.loads(_file(target, dtype).read_text())["tuning"]
        return Tuning(**{**content, "outputs": tuple(content["outputs"])})
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def save(target: Target, dtype: str, tuning: Tuning, gain: float) -> Path:
    """Keep it; `gain` is how much faster it is than the default."""
    path = _file(target, dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "processor": processor(),
        "target": str(target),
        "dtype": dtype,
        "tuning": asdict(tuning),
        "gain": round(gain, 4),
    }
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(path)
    return path


def forget(target: Target, dtype: str) -> bool:
    """Use the default again; whether there was anything to forget."""
    path = _file(target, dtype)
    if not path.exists():
        return False
    path.unlink()
    return True


def _file(target: Target, dtype: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    key = hashlib.sha256(f"{processor()}\0{target}\0{dtype}".encode()).hexdigest()[:16]
    return Path(home, "dpc", "tuning", f"{key}.json")
