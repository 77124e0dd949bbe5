"""Data folders of DeePMD-kit, whole and damaged."""

import numpy as np
import pytest

from dpc.data.accuracy import Accuracy
from dpc.data.system import Labels, System, find_systems
from dpc.errors import InputError
from tests.unit.data.folders import write_folder

TYPE_MAP = ("H", "O")


def test_frames_of_all_sets_in_order(tmp_path):
    system = System(write_folder(tmp_path / "a", virial=np.ones((2, 9)), fparam=np.ones((2, 1))))
    frames = list(system.frames(TYPE_MAP, fparam=1))
    assert len(system) == len(frames) == 4
    assert [labels.energy for _, labels in frames] == [0, 1, 10, 11]
    frame, labels = frames[0]
    assert frame.atype.tolist() == [1, 0, 0], "types are those of the model"
    assert frame.coord.dtype == np.float64 and frame.cell.tolist() == (np.eye(3) * 9).tolist()
    assert labels.force.shape == (3, 3) and labels.virial.shape == (3, 3)
    assert frame.fparam.tolist() == [1.0] and frame.aparam is None


def test_open_system_and_missing_labels(tmp_path):
    path = write_folder(tmp_path / "a", sets=1)
    (path / "nopbc").touch()
    for name in ("box", "energy", "force"):
        (path / "set.000" / f"{name}.npy").unlink()
    frame, labels = next(System(path).frames(TYPE_MAP))
    assert frame.cell is None and labels == Labels(None, None, None)


def test_mixed_types(tmp_path):
    types = np.array([[0, 1, -1], [1, 1, 0]])
    frames = list(
        System(write_folder(tmp_path / "a", sets=1, real_atom_types=types)).frames(TYPE_MAP)
    )
    assert frames[0][0].atype.tolist() == [1, 0] and frames[0][0].coord.shape == (2, 3)
    assert frames[1][0].atype.tolist() == [0, 0, 1] and frames[0][1].force.shape == (2, 3)


def test_systems_below_a_folder(tmp_path):
    for name in ("x/a", "b"):
        write_folder(tmp_path / name)
    assert [s.path.name for s in find_systems(tmp_path)] == ["b", "a"]
    with pytest.raises(InputError, match=r"no type\.raw here or below"):
        find_systems(tmp_path / "b" / "set.000")
    with pytest.raises(InputError, match="no such folder"):
        find_systems(tmp_path / "c")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "set.000/box.npy").unlink(), "box.npy: missing .*nopbc"),
        (lambda p: (p / "set.000/force.npy").write_bytes(b"x"), "force.npy: not a NumPy file"),
        (lambda p: np.save(p / "set.000/energy.npy", np.ones(3)), "expected 2 frames of 1"),
        (lambda p: (p / "type.raw").write_text("0 1 x"), "type.raw: expected integers"),
        (lambda p: (p / "type.raw").write_text("0 1 7"), "atom 2 has type 7"),
        (lambda p: (p / "type.raw").write_text("0 1"), "expected .* for the 2 atoms"),
        (lambda p: (p / "type.raw").write_text(""), "type.raw: empty"),
        (lambda p: (p / "type.raw").write_text("9" * 30), "type.raw: expected integers"),
        (lambda p: (p / "type.raw").write_bytes(b"\xff"), "type.raw: expected integers"),
        (lambda p: (p / "type_map.raw").write_text("O Hf"), "element Hf is not in the model"),
        (lambda p: (p / "type_map.raw").write_text("O O"), "type_map.raw: names a type twice: O O"),
        (lambda p: (p / "type_map.raw").write_bytes(b"O \xff"), "type_map.raw: expected names"),
        (lambda p: np.save(p / "set.000/coord.npy", np.full((2, 9), "1")), "real numbers, not <U1"),
        (lambda p: np.save(p / "set.000/coord.npy", np.full((2, 9), 1j)), "not complex128"),
    ],
)
def test_damaged_folders(tmp_path, damage, message):
    path = write_folder(tmp_path / "a", sets=1)
    damage(path)
    with pytest.raises(InputError, match=message):
        list(System(path).frames(TYPE_MAP))


def test_no_sets(tmp_path):
    (tmp_path / "type.raw").write_text("0")
    with pytest.raises(InputError, match=r"no set\.\* folder"):
        System(tmp_path)


def test_errors_are_those_of_dp_test():
    accuracy = Accuracy()
    found = {"energy": 3.0, "force": np.zeros((2, 3)), "virial": np.zeros((3, 3))}
    accuracy.add(found, Labels(1.0, np.eye(3)[:2], None), 2)
    accuracy.add(found, Labels(3.0, np.zeros((2, 3)), None), 2)
    assert (accuracy.frames, accuracy.errors["energy"].mae) == (2, 1.0)
    assert accuracy.errors["energy"].rmse == pytest.approx(2**0.5)
    assert accuracy.errors["energy/atom"].mae == 0.5
    assert accuracy.errors["force"].rmse == pytest.approx((2 / 12) ** 0.5)
    assert [line.split()[0] for line in accuracy.lines()] == ["energy", "energy/atom", "force"]
