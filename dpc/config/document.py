"""A JSON or YAML file as a dictionary, with errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dpc.errors import InputError, ToolError


def read_document(path: Path) -> dict[str, Any]:
    """The sections of a file; a key that comes twice is an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file ({error.reason})") from None
    found = _yaml(text, path) if path.suffix.lower() in (".yaml", ".yml") else _json(text, path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected sections model, learning_rate, loss, training")
    return found


def _json(text: str, path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = {k for k in keys if keys.count(k) > 1 and not k.startswith("_")}
        if twice:
            raise InputError(f"{path}: the key {sorted(twice)[0]!r} comes twice in one section")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        lines = text.splitlines() or [""]
        shown = lines[min(error.lineno, len(lines)) - 1]
        raise InputError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}\n"
            f"    {shown}\n    {' ' * (error.colno - 1)}^"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: nested far deeper than an input") from None


def _yaml(text: str, path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ToolError(
            f"{path}: YAML needs the package pyyaml: pip install 'dpc[models]'"
        ) from error
    try:
        return _as_json(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())[:300]}") from None


def _as_json(value: Any) -> Any:
    """YAML reads 1e-3 as text, and keys may be anything: as JSON has them."""
    if isinstance(value, dict):
        return {str(k): _as_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_json(v) for v in value]
    if isinstance(value, str):
        try:
            return float(value) if value[:1] in "+-.0123456789" else value
        except ValueError:
            return value
    return value
