"""Data sets of folders and HDF5 files: batches, labels, type maps, damage."""

import numpy as np
import pytest

from dpc.data.batch import merge
from dpc.data.dataset import open_dataset
from dpc.data.labels import LABELS, generalized_coordinates
from dpc.data.system import System
from dpc.errors import InputError
from tests.unit.data.folders import random_system, write_folder, write_hdf5

WANTED = [LABELS[name] for name in ("energy", "force", "virial", "atom_pref")]


def test_batch_of_chosen_frames(tmp_path):
    random_system(tmp_path / "a", [0, 1, 1], frames=6)
    data = open_dataset(tmp_path, ("H", "O"))
    batch = data.batch(0, [4, 1], WANTED)
    assert batch.coord.shape == (2, 3, 3) and batch.box.shape == (2, 3, 3)
    assert batch.atype.tolist() == [[1, 0, 0]] * 2, "types are those of the model"
    assert batch.labels["energy"].tolist() == [4, 1], "in the order asked for"
    assert batch.labels["virial"].shape == (2, 3, 3)
    assert batch.found == {"energy": True, "force": True, "virial": True, "atom_pref": False}
    assert "atom_pref" not in batch.labels
    assert batch.counts(2).tolist() == [[2, 1]] * 2


def test_hdf5_is_the_same_as_the_folder(tmp_path):
    pytest.importorskip("h5py")
    a = random_system(tmp_path / "a", [0, 1, 1], frames=5)
    b = random_system(tmp_path / "b", [1, 0], frames=3, seed=1)
    (b / "nopbc").touch()
    file = write_hdf5(tmp_path / "all.hdf5", a, "group/a")
    write_hdf5(file, b, "group/b")
    folders = open_dataset([a, b])
    assert folders.type_map == ("O", "H")
    for systems in ([file], [f"{file}#/group"], [f"{file}#/group/a", f"{file}#group/b"]):
        data = open_dataset(systems)
        assert data.frames == folders.frames and data.digest() == folders.digest()
        for number, frames in ((0, [3, 0, 3]), (1, [2])):
            one, two = data.batch(number, frames, WANTED), folders.batch(number, frames, WANTED)
            assert np.array_equal(one.coord, two.coord) and np.array_equal(one.atype, two.atype)
            assert (one.box is None) == (two.box is None)
            for name, array in two.labels.items():
                assert np.array_equal(one.labels[name], array)
    with pytest.raises(InputError, match="no group 'nothing'. It has: group"):
        open_dataset([f"{file}#/nothing"])


def test_a_text_file_is_no_hdf5(tmp_path):
    pytest.importorskip("h5py")
    (tmp_path / "x.h5").write_text("x")
    with pytest.raises(InputError, match="not an HDF5 file"):
        open_dataset(tmp_path / "x.h5")
    with pytest.raises(InputError, match="no such file"):
        open_dataset(tmp_path / "y.h5")


def test_mixed_types_and_fillers(tmp_path):
    types = np.array([[0, 1, -1], [1, 1, 0]])
    path = write_folder(tmp_path / "a", sets=1, real_atom_types=types)
    data = open_dataset(path)
    assert data.mixed
    batch = data.batch(0, [0, 1], WANTED)
    assert batch.atype.tolist() == types.tolist()
    assert batch.natoms.tolist() == [2, 3] and batch.counts(2).tolist() == [[1, 1], [1, 2]]


def test_merge_pads_with_fillers(tmp_path):
    random_system(tmp_path / "a", [0, 1, 1])
    random_system(tmp_path / "b", [0, 0, 1, 1, 1], labels=("energy", "force"))
    data = open_dataset(tmp_path)
    batch = data.gather([(0, [1, 2]), (1, [3])], WANTED)
    assert batch.coord.shape == (3, 5, 3) and batch.system.tolist() == [0, 0, 1]
    assert batch.atype[0].tolist() == [0, 1, 1, -1, -1]
    assert not batch.labels["force"][:2, 3:].any()
    assert batch.found["force"] and not batch.found["virial"], "the second has no virial"
    (tmp_path / "b" / "nopbc").touch()
    data = open_dataset(tmp_path)
    with pytest.raises(InputError, match="partly periodic and partly open"):
        merge([data.batch(0, [0]), data.batch(1, [0])], [])


def test_labels_in_some_sets_only(tmp_path):
    path = write_folder(tmp_path / "a", frames=3, sets=3)
    (path / "set.001" / "force.npy").unlink()
    system = System(path)
    assert [g.tolist() for g in system.groups(["force"])] == [[0, 1, 2, 6, 7, 8], [3, 4, 5]]
    assert system.read("force", 9, [0, 7]) is not None and system.read("force", 9, [0, 4]) is None


def test_generalised_coordinates(tmp_path):
    drdq = np.arange(2 * 9 * 2.0).reshape(2, 18)
    data = open_dataset(write_folder(tmp_path / "a", sets=1, drdq=drdq))
    batch = data.batch(0, [1], [generalized_coordinates(2)])
    assert batch.labels["drdq"].shape == (1, 3, 3, 2)
    assert batch.labels["drdq"].ravel().tolist() == drdq[1].tolist()


@pytest.mark.parametrize("name", ["coord", "box", "energy", "force"])
def test_numbers_that_are_not_finite_are_refused(tmp_path, name):
    path = write_folder(tmp_path / "a", frames=4, sets=1)
    array = np.load(path / "set.000" / f"{name}.npy")
    array[2:3] = np.nan
    np.save(path / "set.000" / f"{name}.npy", array)
    data = open_dataset(path)
    data.batch(0, [0, 1, 3], WANTED)
    with pytest.raises(InputError, match=f"a, frame 2.*: {name} has the value nan"):
        data.batch(0, [2], WANTED)


def test_the_digest_follows_the_content(tmp_path):
    a = random_system(tmp_path / "a", [0, 1, 1])
    b = random_system(tmp_path / "b", [0, 1, 1])
    c = random_system(tmp_path / "c", [1, 0, 1])
    first = open_dataset(a).digest()
    assert open_dataset(b).digest() == first
    assert open_dataset(c).digest() != first
    array = np.load(b / "set.000" / "coord.npy")
    array[-1, -1] += 1e-9
    np.save(b / "set.000" / "coord.npy", array)
    assert open_dataset(b).digest() != first


def test_errors_of_sets_of_systems(tmp_path):
    with pytest.raises(InputError, match="the list is empty"):
        open_dataset([])
    path = random_system(tmp_path / "a", [0, 1])
    (path / "type_map.raw").unlink()
    with pytest.raises(InputError, match=r"no type_map\.raw"):
        open_dataset(path)
    assert open_dataset(path, ("O", "H")).batch(0, [0]).atype.tolist() == [[0, 1]]
    with pytest.raises(InputError, match="has 4 frames, no frame 9"):
        open_dataset(path, ("O", "H")).batch(0, [9])


def test_near_pairs_are_left_out(tmp_path):
    path = random_system(tmp_path / "a", [0, 1, 1], frames=5)
    coord = np.load(path / "set.000" / "coord.npy")
    coord[1, 3:6] = coord[1, 0:3] + [0.2, 0, 0]
    coord[3, 3:6] = coord[3, 0:3]
    np.save(path / "set.000" / "coord.npy", coord)
    with pytest.warns(UserWarning, match="a: 2 of 5 frames have a pair nearer than 0.5 Å"):
        data = open_dataset(path, min_pair_dist=0.5)
    assert data.frames == [3]
    assert data.batch(0, [0, 1, 2], WANTED).labels["energy"].tolist() == [0, 2, 4]
    assert [b.labels["energy"].tolist() for b in data.batches(WANTED)] == [[0, 2, 4]]
    assert [g.tolist() for g in data.systems[0].groups(["force"])] == [[0, 1, 2]]
    assert data.digest() != open_dataset(path).digest()
    assert data.systems[0].subset([2, 0]).kept.tolist() == [4, 0]
    with pytest.warns(UserWarning), pytest.raises(InputError, match="no frame is left"):
        open_dataset(path, min_pair_dist=7.0)


def test_patterns_choose_folders(tmp_path):
    for name in ("a1", "a2", "b1"):
        random_system(tmp_path / "x" / name, [0, 1], frames=2)
    data = open_dataset(tmp_path, patterns=["a*", "*1"])
    assert [s.path.name for s in data.systems] == ["a1", "a2", "b1"]
    assert len(open_dataset(tmp_path, patterns=["b*"])) == 1
    with pytest.raises(InputError, match=r"no data folder below it matches c\*"):
        open_dataset(tmp_path, patterns=["c*"])


def test_digests_of_large_arrays_are_remembered(tmp_path, monkeypatch):
    from dpc.data import files

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = random_system(tmp_path / "a", [0, 1, 1])
    expected = open_dataset(path).digest()
    monkeypatch.setattr(files, "LARGE", 1)
    assert open_dataset(path).digest() == expected
    read = []
    real = files._sha256
    monkeypatch.setattr(files, "_sha256", lambda array: read.append(1) or real(array))
    assert open_dataset(path).digest() == expected and not read
    array = np.load(path / "set.000" / "coord.npy")
    np.save(path / "set.000" / "coord.npy", array + 1)
    assert open_dataset(path).digest() != expected and len(read) == 1
