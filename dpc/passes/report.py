"""What one pass did to a program, in numbers: the rows of a package's report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Error:
    """Difference of one quantity before and after, over all samples."""

    rms: float
    max: float


@dataclass(frozen=True)
class PassReport:
    """One pass. `errors` is None when nothing was measured; `notes` says why.

    Keys of `errors`: ``energy`` (eV/atom), ``force`` (eV/Å, components), ``virial`` (eV,
    components of the frame's virial).
    """

    name: str
    text: str
    options: dict[str, Any]
    changes: str
    seconds: float
    errors: dict[str, Error] | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return asdict(self)

    def line(self) -> str:
        """One line for a terminal, with the remarks a user should see."""
        parts = [f"{self.text:<28} {self.seconds:6.2f} s"]
        parts += [
            f"{name} {error.rms:.1e} rms {error.max:.1e} max {UNITS[name]}"
            for name, error in (self.errors or {}).items()
        ]
        return "  ".join([*parts, *self.remarks()])

    def remarks(self) -> list[str]:
        """What was chosen, and what was left undone and why."""
        found = [f"skipped: {self.notes['skipped']}"] if "skipped" in self.notes else []
        for name, facts in self.notes.items():
            if isinstance(facts, dict) and "left" in facts:
                found.append(f"@{name} left exact: {facts['left']}")
            elif isinstance(facts, dict) and "stride" in facts:
                found.append(f"@{name} stride {facts['stride']:g} in {facts['rows']} rows")
            elif isinstance(facts, dict) and "rank" in facts:
                found.append(f"@{name} rank {facts['rank']} of {facts['of']}, {_flops(facts)}")
        if "products" in self.notes:
            products, of = self.notes["products"], self.notes["of"]
            found.append(f"{products} of {of} products, {_flops(self.notes)}")
        return found


def _flops(facts: dict[str, Any]) -> str:
    """Arithmetic of the ops that a pass changed."""
    before, after = (facts[f"flops_{when}"] / 1e6 for when in ("before", "after"))
    return f"{before:.2f} to {after:.2f} Mflop/atom"


UNITS = {"energy": "eV/atom", "force": "eV/Å", "virial": "eV"}
