"""dpc data check finds each kind of damage, and nothing in good data."""

import re

import numpy as np
import pytest

from dpc.data.checks import Level, check_data
from dpc.data.checks.labels import robust_bias
from dpc.data.elements import COVALENT_RADII, radius
from tests.paths import SHARED, needs_shared

EDGE, FRAMES = 9.6, 24
MOLECULE = np.array([[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]])


def spring_energy(coord):
    """Molecules of O H H on springs of 30 eV/Å^2: energy -10 eV for each at rest, and forces."""
    energy, force = 0.0, np.zeros_like(coord)
    for m in range(0, len(coord), 3):
        energy -= 10.0
        for a, b in ((0, 1), (0, 2), (1, 2)):
            r = coord[m + b] - coord[m + a]
            d, rest = np.linalg.norm(r), np.linalg.norm(MOLECULE[b] - MOLECULE[a])
            energy += 15.0 * (d - rest) ** 2
            pull = 30.0 * (d - rest) * r / d
            force[m + a] += pull
            force[m + b] -= pull
    return energy, force


def water(path, molecules=8, seed=0, step=0.03):
    """A trajectory of molecules that jiggle by `step` Å about places of their own."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), -1).reshape(-1, 3)[:molecules]
    rest = (grid[:, None] * EDGE / 2 + 1 + MOLECULE).reshape(-1, 3)
    folder = path / "set.000"
    folder.mkdir(parents=True)
    (path / "type.raw").write_text("0 1 1 " * molecules)
    (path / "type_map.raw").write_text("O H")
    coord = rest + rng.normal(scale=step, size=(FRAMES, 3 * molecules, 3))
    labels = [spring_energy(x) for x in coord]
    force = np.array([f for _, f in labels])
    arrays = {
        "coord": coord.reshape(FRAMES, -1),
        "box": np.tile(np.eye(3).ravel() * EDGE, (FRAMES, 1)),
        "energy": np.array([e for e, _ in labels]),
        "force": force.reshape(FRAMES, -1),
        "virial": np.einsum("fai,faj->fij", coord, force).reshape(FRAMES, 9),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return path


def change(path, name, edit):
    """Edit one array of a system."""
    file = path / "set.000" / f"{name}.npy"
    array = np.load(file)
    edited = edit(array)
    np.save(file, array if edited is None else edited)


def put(where, value):
    """An edit that sets some numbers."""

    def edit(array):
        array[where] = value

    return edit


def found(path, **more):
    """(level, kind) of each finding, and the sentences."""
    checked = check_data([path], **more)
    return {(f.level.value, f.kind) for f in checked.findings}, [str(f) for f in checked.findings]


@pytest.fixture
def data(tmp_path):
    return water(tmp_path / "a")


def test_nothing_is_wrong_with_good_data(data):
    water(data.parent / "b", molecules=4, seed=1)
    checked = check_data([data.parent], rcut=6.0)
    assert [str(f) for f in checked.findings] == []
    assert checked.systems == 2 and checked.errors == 0
    assert checked.surveys[0].slope == pytest.approx((1, 1), abs=0.05)


@pytest.mark.parametrize(
    ("name", "edit", "finding", "words"),
    [
        ("coord", put((3, 5), np.nan), ("error", "not finite"), "coord is not a finite number in frame 3"),  # noqa: E501
        ("force", put((slice(2, 4), 0), np.inf), ("error", "not finite"), "force is .* in frames 2, 3"),  # noqa: E501
        ("energy", put(7, np.nan), ("error", "not finite"), "energy is .* in frame 7"),
        ("box", put((1, 0), np.nan), ("error", "not finite"), "box is .* in frame 1"),
        ("coord", put((4, slice(3, 6)), [1.1, 1, 1]), ("error", "distances"), r"on top of each other in frame 4: .*H \(atom 1\)|O \(atom 0\)"),  # noqa: E501
        ("coord", lambda a: put((2, slice(3, 6)), a[2, 0:3])(a), ("error", "distances"), "on top .* frame 2: 0 Å between .*at the place of"),  # noqa: E501
        ("coord", lambda a: a[:, :-3], ("error", "shapes"), r"coord.npy: the shape is \(24, 69\)"),
        ("force", lambda a: a[:-1], ("error", "shapes"), r"force.npy: the shape is \(23, 72\)"),
        ("coord", lambda a: a / 10, ("warning", "units"), "In nm they would fit: multiply coord and box by 10"),  # noqa: E501
        ("box", lambda a: a / 10, ("warning", "units"), r"0.0369 Å\^3 for each atom"),
        ("box", lambda a: a * 0, ("error", "cells"), "spans no volume .* an empty file 'nopbc'"),
        ("box", put((slice(None), 8), -EDGE), ("warning", "cells"), "left-handed in frames 0, 1"),
        ("energy", lambda a: a / 27.2114, ("warning", "units"), "If energies are in Hartree, multiply them by 27.2"),  # noqa: E501
        ("energy", lambda a: a * 96.485, ("warning", "units"), "If energies are in kJ/mol, multiply"),  # noqa: E501
        ("force", lambda a: -a, ("warning", "units"), "minus the gradient"),
        ("force", lambda a: a / 1000, ("warning", "units"), "forces are typically 0.00"),
        ("force", lambda a: a * 1000, ("warning", "units"), "divide by 1000"),
        ("energy", lambda a: put(5, a[5] + 90)(a), ("warning", "outliers"), r"the energy of frame 5 .* \+3.7\d eV/atom"),  # noqa: E501
        ("force", lambda a: put((9, slice(0, 6)), [90, 0, 0, -90, 0, 0])(a), ("warning", "outliers"), "largest force of frame 9 .* 90 eV/Å"),  # noqa: E501
        ("force", lambda a: a + 2.0, ("warning", "forces"), "do not add up to zero in frames 0, 1"),
        ("virial", lambda a: a * 1e4 + 1e6, ("warning", "units"), "GPa in frames 0"),
        ("virial", put((0, 1), 40.0), ("warning", "virials"), "not symmetric in frame 0"),
        ("coord", lambda a: put(6, a[2])(a), ("warning", "repeats"), "positions of frame 6 are in another"),  # noqa: E501
    ],
)  # fmt: skip
def test_damage_is_found(data, name, edit, finding, words):
    change(data, name, edit)
    kinds, sentences = found(data)
    assert finding in kinds, sentences
    assert any(re.search(words, text) for text in sentences), sentences


def test_atomic_units(data):
    for name in ("coord", "box"):
        change(data, name, lambda a: a / 0.529177)
    kinds, sentences = found(data)
    assert ("warning", "units") in kinds
    assert any("In Bohr they would fit: multiply coord and box by 0.529" in s for s in sentences)


def test_files(data):
    folder = data / "set.000"
    (folder / "virial.npy").rename(folder / "virials.npy")
    kinds, sentences = found(data)
    assert kinds == {("warning", "files")}
    assert "virials.npy: nobody reads this name. Did you mean 'virial'?" in sentences[0]
    for name in ("energy", "force", "virials"):
        (folder / f"{name}.npy").unlink()
    assert found(data)[0] == {("error", "labels")}
    (folder / "box.npy").unlink()
    assert found(data)[0] == {("error", "labels"), ("error", "files")}
    (data / "type.raw").write_text("0 x")
    checked = check_data([data])
    assert checked.errors == 1 and "expected integers" in checked.findings[0].text


def test_labels_in_one_set_only(data):
    other = data / "set.001"
    other.mkdir()
    for name in ("coord", "box", "energy"):
        array = np.load(data / "set.000" / f"{name}.npy")
        np.save(other / f"{name}.npy", array + 0.001 * (name == "coord"))
    kinds, sentences = found(data)
    assert ("warning", "files") in kinds
    assert any("force.npy is in some sets only, not in set.001" in s for s in sentences)


def test_small_cells_need_a_cutoff(data):
    assert found(data)[0] == set()
    kinds, sentences = found(data, rcut=12.0)
    assert kinds == {("warning", "cells")} and "9.6 Å high" in sentences[0]


def test_systems_that_do_not_belong_together(data):
    for k in range(3):
        water(data.parent / f"more{k}", molecules=4 + k, seed=k + 1)
    change(data, "energy", lambda e: e + 24 * 1.5)
    kinds, sentences = found(data.parent)
    assert kinds == {("warning", "inconsistent")}
    assert "a: energies are +1.5 eV/atom from those of the other systems" in sentences[0]


def test_the_same_frames_in_training_and_validation(data):
    water(data.parent / "b")
    kinds, sentences = found(data.parent)
    assert kinds == {("warning", "repeats")}
    assert "positions of frames 0, 1, 2, 3, 4, … (24 of 24) are also in" in sentences[0]


def test_types(data):
    kinds, sentences = found(data, type_map=["O", "H", "Xe"])
    assert kinds == {("warning", "types")} and "names Xe, of which the data have no" in sentences[0]
    (data / "type_map.raw").unlink()
    kinds, sentences = found(data)
    assert ("warning", "types") in kinds and "no type_map.raw" in sentences[0]
    (data / "type_map.raw").write_text("O")
    assert "the type 1, but type_map.raw has 1 names" in found(data)[1][0]


def test_robust_bias_is_not_moved_by_one_system():
    counts = np.array([[1.0, 2], [2, 4], [1, 1], [3, 1], [1, 3], [2, 1], [1, 2]])
    energies = counts @ [-5.0, 2.0]
    energies[-1] += 100
    assert robust_bias(counts, energies) == pytest.approx([-5, 2], abs=1e-3)


def test_radii():
    assert radius("O") == 0.66 and radius("Ow") == 0.66 and radius("Fe3") == 1.32
    assert radius("X") == 0.5 and len(COVALENT_RADII) == 96
    data = pytest.importorskip("ase.data")
    for name, value in COVALENT_RADII.items():
        assert value == pytest.approx(
            data.covalent_radii[data.atomic_numbers[name]], abs=0.23 if name in "MnFeCo" else 1e-6
        ), name


@needs_shared
@pytest.mark.slow
def test_no_false_alarms_on_real_data():
    folders = [SHARED / "data" / "water", SHARED / "data" / "nvnmd" / "data"]
    checked = check_data(folders, rcut=6.0)
    assert [f for f in checked.findings if f.level is Level.ERROR] == []
    assert [str(f) for f in checked.findings] == []
