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
        """One line for a terminal."""
        text = f"{self.text:<28} {self.seconds:6.2f} s"
        if self.errors is not None:
            text += "  " + "  ".join(
                f"{name} {error.rms:.1e} rms {error.max:.1e} max {UNITS[name]}"
                for name, error in self.errors.items()
            )
        return text


UNITS = {"energy": "eV/atom", "force": "eV/Å", "virial": "eV"}
