"""Results that follow from data alone, kept by the digest of the data: dpc's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FORMAT = 1  # of the results: another number forgets all old ones


def default_cache() -> Path:
    """Where results are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "dpc" / "data"


def cached(
    key: Mapping[str, Any], compute: Callable[[], dict[str, Any]], folder: Path | None = None
) -> dict[str, Any]:
    """The result of `compute` (fit for JSON), or the one that was kept under the same key.

    Floats keep every bit. A cache that cannot be read or written is no error: it is computed.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
    root = default_cache() if folder is None else folder
    file = root / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    try:
        kept = json.loads(file.read_text())
        if kept["key"] == json.loads(text):
            return dict(kept["result"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    result = compute()
    _write(file, {"key": json.loads(text), "result": result})
    return result


def _write(file: Path, content: dict[str, Any]) -> None:
    """In one step: another process never sees half a file."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with os.fdopen(handle, "w") as out:
            json.dump(content, out)
        os.replace(name, file)
    except OSError:
        return
