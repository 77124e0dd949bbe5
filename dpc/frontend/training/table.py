"""lcurve.out: the table of errors, in DeePMD-kit's columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

NO_DATA = "# If there is no available reference data, rmse_*_{val,trn} will print nan"


class Table:
    """Rows of step, errors on validation and training data, and learning rate.

    Columns are those of `errors` with the total before them; each comes as _val and _trn.
    """

    def __init__(self, path: Path, columns: Sequence[str], validation: bool) -> None:
        self.path, self.columns, self.validation = path, ("rmse", *columns), validation

    def header(self) -> str:
        """The first lines, as DeePMD-kit writes them."""
        text = f"# {'step':5s}"
        for name in self.columns:
            if self.validation:
                text += f"   {name + '_val':>11s} {name + '_trn':>11s}"
            else:
                text += f"   {name + '_trn':>11s}"
        return f"{text}   {'lr':8s}\n{NO_DATA}\n"

    def row(
        self,
        step: int,
        training: Mapping[str, float],
        validation: Mapping[str, float] | None,
        rate: float,
    ) -> str:
        """One line; what is not known is nan."""
        text = f"{step:7d}"
        for name in self.columns:
            numbers = [training.get(name, math.nan)]
            if self.validation:
                numbers.insert(0, (validation or {}).get(name, math.nan))
            text += "  " + "".join(f" {x:11.2e}" for x in numbers)
        return f"{text}   {rate:8.1e}\n"

    def start(self, step: int) -> None:
        """Begin the file; after a restart keep its rows before `step`."""
        kept = rows_before(self.path, step) if step and self.path.is_file() else ""
        self.path.write_text(kept or self.header())

    def add(self, line: str) -> None:
        """One more row, on the disk at once."""
        with self.path.open("a") as file:
            file.write(line)


def rows_before(path: Path, step: int) -> str:
    """The comments and the rows of earlier steps; a half-written last row goes."""
    kept = []
    for line in path.read_text().splitlines(keepends=True):
        words = line.split()
        if line.startswith("#"):
            kept.append(line)
        elif words and line.endswith("\n") and words[0].isdigit() and int(words[0]) < step:
            kept.append(line)
    return "".join(kept)


def read_table(path: Path) -> dict[str, list[float]]:
    """Columns of an lcurve.out by name, ours or DeePMD-kit's; runs that were joined are one."""
    from dpc.errors import InputError

    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    names: list[str] = []
    found: dict[str, list[float]] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if line.startswith("#"):
            if words[1:2] == ["step"]:
                names = words[1:]
            continue
        if not words:
            continue
        if len(words) != len(names):
            if number == len(lines):  # being written
                break
            raise InputError(
                f"{path}:{number}: {len(words)} numbers, but the header names {len(names)} columns"
            )
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise InputError(
                f"{path}:{number}: not a row of numbers: {line.strip()[:80]}"
            ) from None
        for name, value in zip(names, values, strict=True):
            found.setdefault(name, []).append(value)
    if not found:
        raise InputError(f"{path}: no rows. Expected a table of errors such as lcurve.out")
    return found
