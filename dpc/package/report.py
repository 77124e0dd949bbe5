"""report.json: what each pass changed, measured, and what the result costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from dpc.package.read import REPORT, Package


class PassReport(Protocol):
    """What the report needs of dpc.passes.report.PassReport."""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        ...


def to_json(
    passes: Iterable[PassReport], frames: int, measured_on: str, facts: Mapping[str, Any]
) -> str:
    """The text of report.json. It holds no clock: the same input gives the same bytes."""
    rows = []
    for one in passes:
        row = one.to_json()
        row.pop("seconds", None)
        rows.append(row)
    content = {
        "frames": frames,
        "measured_on": measured_on,
        "units": {"energy": "eV/atom", "force": "eV/Å", "virial": "eV"},
        "passes": rows,
        "build": dict(facts),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """NumPy numbers and the like as JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def lines(package: Package) -> list[str]:
    """The report and the sizes for a terminal."""
    content = json.loads(package.read(REPORT))
    found = [f"passes, measured on {content['frames']} frames ({content['measured_on']}):"]
    for one in content["passes"]:
        found.append(f"  {one['text']:<32} {_errors(one['errors'], content['units'])}".rstrip())
    found.append("files:")
    total = 0
    for name, entry in package.manifest.files.items():
        found.append(f"  {name:<32} {entry.size:>12,} bytes")
        total += entry.size
    found.append(f"  {'all':<32} {total:>12,} bytes")
    return found


def _errors(errors: Mapping[str, Mapping[str, float]] | None, units: Mapping[str, str]) -> str:
    if not errors:
        return ""
    shown = (f"{name} {error['max']:.1e} {units[name]}" for name, error in errors.items())
    return "  ".join(shown)
