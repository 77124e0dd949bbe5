"""What data can say of a frame: names, shapes and units of the arrays in a set folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """One kind of array: `width` numbers for each frame, or for each atom where `atomic`.

    Its file is `name`.npy. `trailing` is how a batch shapes the numbers: [nframe, *trailing], or
    [nframe, nloc, *trailing].
    """

    name: str
    trailing: tuple[int, ...] = ()
    atomic: bool = False
    unit: str = ""

    @property
    def width(self) -> int:
        """Numbers of one frame, or of one atom."""
        count = 1
        for size in self.trailing:
            count *= size
        return count


LABELS = {
    label.name: label
    for label in (
        Label("energy", (), unit="eV"),
        Label("force", (3,), True, "eV/Å"),
        Label("virial", (3, 3), unit="eV"),
        Label("atom_ener", (), True, "eV"),
        Label("atom_pref", (), True),
        Label("atom_ener_coeff", (), True),
        Label("dipole", (3,)),
        Label("atomic_dipole", (3,), True),
        Label("polarizability", (3, 3)),
        Label("atomic_polarizability", (3, 3), True),
    )
}
"""Labels whose shape does not depend on the model."""


def generalized_coordinates(count: int) -> Label:
    """drdq [nloc, 3, count]: how atoms move along each of `count` generalised coordinates."""
    return Label("drdq", (3, count), True)
