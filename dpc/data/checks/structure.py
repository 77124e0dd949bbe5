"""Files that are missing, of the wrong shape, half there, or of a name that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from dpc.data.checks.findings import Finding, error, warning
from dpc.data.labels import LABELS
from dpc.data.storage import Storage
from dpc.data.system import System
from dpc.errors import InputError, did_you_mean

KNOWN = {"coord", "box", "fparam", "aparam", "real_atom_types", "drdq", "force_mag", "spin",
         "dos", "atom_dos", "hessian", "efield", *LABELS}  # fmt: skip
PER_FRAME = {"box": 9, "energy": 1, "virial": 9, "dipole": 3, "polarizability": 9}
PER_ATOM = {"force": 3, "atom_ener": 1, "atom_pref": 1, "real_atom_types": 1}
FEW = 10  # frames


def check_files(storage: Storage) -> tuple[System | None, list[Finding]]:
    """The system if it can be opened, and what is wrong with its files."""
    try:
        system = System(storage)
        types, frames, names = system.types, len(system), system.names
    except InputError as problem:
        kind = "shapes" if "the shape is" in str(problem) else "files"
        return None, [error(kind, storage.where, _without(storage.where, problem))]
    found = list(_arrays(system))
    if not frames:
        found.append(error("frames", system.where, "there are no frames in coord.npy"))
    elif frames < FEW:
        few = f"only {frames} frame{'s' * (frames > 1)}"
        found.append(warning("frames", system.where, few))
    if names is None:
        found.append(
            warning("types", system.where, "no type_map.raw: its types have numbers, no names")
        )
    elif not system.mixed and len(bad := [t for t in set(types) if not 0 <= t < len(names)]):
        text = f"type.raw has the type {bad[0]}, but type_map.raw has {len(names)} names"
        found.append(error("types", system.where, text))
    fatal = any(f.level.value == "error" for f in found)
    return (None if fatal else system), found


def _arrays(system: System) -> Iterator[Finding]:
    wanted = PER_FRAME | {name: width * system.nslots for name, width in PER_ATOM.items()}
    if system.open:
        wanted.pop("box")
    for name, width in wanted.items():
        has = [system.storage.has(f"{part}/{name}.npy") for part in system.sets]
        if name == "box" and not all(has):
            part = system.sets[has.index(False)]
            yield error(
                "files", system.where,
                f"{part}/box.npy is missing (an open system has an empty file 'nopbc')",
            )  # fmt: skip
        elif any(has) and not all(has):
            parts = [part for part, there in zip(system.sets, has, strict=True) if not there]
            yield warning(
                "files", system.where,
                f"{name}.npy is in some sets only, not in {' '.join(parts)}: batches of those sets "
                "train without it",
            )  # fmt: skip
        for number, there in enumerate(has):
            try:
                if there:
                    system.array(number, name, width)
            except InputError as problem:
                yield error("shapes", system.where, _without(system.where, problem))
    if not any(system.has(name) for name in LABELS):
        yield error("labels", system.where, "no labels: neither energy.npy nor force.npy")
    for name in sorted(system.array_names() - KNOWN):
        hint = did_you_mean(name, KNOWN)
        if hint or name + "s" in KNOWN:
            yield warning("files", system.where, f"{name}.npy: nobody reads this name.{hint}")


def _without(where: str, problem: InputError) -> str:
    """The message without the folder, which the finding names."""
    return str(problem).removeprefix(where).lstrip(":/ ")
