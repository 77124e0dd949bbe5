"""dpc data check and convert, neighbor-stat, change-bias and init, as a user types them."""

import json

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.frontend import load_model
from dpc.frontend.importers import write_model
from tests.unit.data.folders import random_system, write_hdf5
from tests.unit.data.test_checks import change, put, water
from tests.unit.frontend.zoo import random_file


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_check(tmp_path, capsys):
    data = water(tmp_path / "a")
    assert main(["data", "check", str(data)]) == 0
    assert capsys.readouterr().out == "1 systems, 24 frames, types O H: 0 errors, 0 warnings\n"
    change(data, "force", put((slice(2, 4), 0), np.nan))
    page = tmp_path / "page.html"
    assert main(["data", "check", str(data), "--frames", "--report", str(page)]) == 1
    printed = capsys.readouterr().out
    assert "error: " in printed and "in frames 2, 3" in printed and "    frames 2 3\n" in printed
    html = page.read_text()
    for words in ("<h2>Findings</h2>", "ERROR", "force is not a finite number", "<svg", "Nearest"):
        assert words in html
    assert "http" not in html.replace("http-equiv", ""), "nothing is fetched"


def test_check_of_hdf5(tmp_path, capsys):
    pytest.importorskip("h5py")
    file = write_hdf5(tmp_path / "all.h5", water(tmp_path / "a"), "x/y")
    assert main(["data", "check", str(file), "-r", "6"]) == 0
    assert main(["data", "check", str(tmp_path / "none")]) == 1
    assert "none: no such folder" in capsys.readouterr().err


def test_convert(tmp_path, capsys):
    pytest.importorskip("dpdata")
    ase = pytest.importorskip("ase")
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    rng = np.random.default_rng(0)
    frames = []
    for n in (1, 2, 1):
        atoms = ase.Atoms(
            "OHH" * n, positions=rng.uniform(0, 9, (3 * n, 3)), cell=[9] * 3, pbc=True
        )
        labels = {"energy": -10.25 * n, "forces": rng.normal(size=(3 * n, 3))}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        frames.append(atoms)
    source, out = tmp_path / "a.xyz", tmp_path / "out"
    write(source, frames, format="extxyz")
    assert main(["data", "convert", str(source), "-o", str(out), "-t", "O", "H"]) == 0
    assert "H2O1: frames 2, atoms 3, types O H" in capsys.readouterr().out.replace("O1H2", "H2O1")
    from dpc.data.dataset import open_dataset
    from dpc.data.labels import LABELS

    hdf5 = tmp_path / "out.hdf5"
    assert main(["data", "convert", str(source), "-o", str(hdf5)]) == 0
    mixed = tmp_path / "mixed"
    assert main(["data", "convert", str(source), "-o", str(mixed), "--mixed"]) == 0
    for path in (out, hdf5, mixed):
        data = open_dataset(path, ("O", "H"))
        batches = list(data.batches([LABELS["energy"], LABELS["force"]]))
        energies = [e for b in batches for e in b.labels["energy"]]
        assert sorted(energies) == [-20.5, -10.25, -10.25]
        one = next(b for b in batches if b.nloc == 3)
        order = np.argsort(one.atype[0], kind="stable")
        assert one.labels["force"][0][order] == pytest.approx(frames[0].get_forces(), abs=1e-7)
        distances = np.linalg.norm(one.coord[0][order] - one.coord[0][order][0], axis=1)
        positions = frames[0].positions
        expected = np.linalg.norm(positions - positions[0], axis=1)
        assert distances == pytest.approx(expected, abs=1e-7)
    capsys.readouterr()
    for arguments, words in (
        ([str(source), "-o", str(out)], "out exists"),
        ([str(source), "-o", str(tmp_path / "b"), "-f", "vasp/outcars"], "Did you mean"),
        ([str(tmp_path / "no"), "-o", str(tmp_path / "b")], "no such file or folder"),
        ([str(source), "-o", str(tmp_path / "b"), "-f", "vasp/xml"], "dpdata cannot read it as"),
        ([str(source), "-o", str(tmp_path / "b"), "-f", "vasp/poscar"], "--unlabelled"),
    ):
        assert main(["data", "convert", *arguments]) in (1, 2)
        assert words in capsys.readouterr().err


def test_neighbor_stat(tmp_path, capsys):
    data = water(tmp_path / "a")
    assert main(["neighbor-stat", "-s", str(data), "-r", "3"]) == 0
    first = capsys.readouterr().out
    assert "min_nbor_dist: 0.8" in first and "a\nmax_nbor_size: O 1  H 2\n" in first
    assert 'sel "auto":    4 4' in first
    assert main(["neighbor-stat", "-s", str(data), "-r", "3", "--mixed-type", "-t", "H", "O"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1].isdigit()
    assert main(["neighbor-stat", "-s", str(data), "-r", "0.1"]) == 0
    assert "no pair within 0.1 Å" in capsys.readouterr().out
    assert main(["neighbor-stat", "-s", str(data), "-r", "-1"]) == 2


def biased(tmp_path):
    """A random model, and data whose energies are the model's and 1.5 eV more for each O."""
    write_model(random_file(), tmp_path / "model.pt")
    model = load_model(tmp_path / "model.pt")
    for k, types in enumerate(([0, 1, 1], [0, 0, 1])):
        path = random_system(tmp_path / "data" / f"s{k}", types, frames=3, seed=k)
        coord = np.load(path / "set.000/coord.npy").reshape(3, -1, 3)
        found = [model.evaluate(x, types, np.eye(3) * 9)["energy"] for x in coord]
        np.save(path / "set.000/energy.npy", np.array(found) + 1.5 * types.count(0))
    return model


def total(path):
    """Bias of each type with whatever part of the model holds it."""
    model = load_model(path)
    return (model.out_bias + model.fitting.bias_atom_e).numpy()


def test_change_bias(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    biased(tmp_path)
    before = total("model.pt")
    assert main(["change-bias", "model.pt", "-s", "data", "-o", "new.dp"]) == 0
    assert total("new.dp") == pytest.approx(before + [1.5, 0], abs=1e-9)
    printed = capsys.readouterr().out
    assert "on 6 frames" in printed and "-> " in printed
    assert float(printed.split("energy RMSE")[1].split("->")[1].split()[0]) < 1e-9
    assert main(["change-bias", "model.pt", "-b", "-1", "-2.5"]) == 0
    assert total("model_updated.pt") == pytest.approx([-1, -2.5])
    a, b = (load_model(f).evaluate([[0, 0, 0], [1, 0, 0]], [0, 1]) for f in ("model.pt", "new.dp"))
    assert np.array_equal(a["force"], b["force"]), "forces stay"
    assert main(["change-bias", "model.pt", "-s", "data", "-m", "set", "-o", "set.pt"]) == 0
    energies = np.concatenate([np.load(f"data/s{k}/set.000/energy.npy") for k in (0, 1)])
    counts = np.repeat([[1, 2], [2, 1]], 3, axis=0)
    assert total("set.pt") == pytest.approx(np.linalg.lstsq(counts, energies)[0])
    capsys.readouterr()
    for arguments, words in (
        (["-b", "1", "--force"], "1 energies for 2 types"),
        (["-s", "data", "-o", "new.dp"], "new.dp exists"),
        (["-s", "data", "-n", "-1"], "cannot be negative"),
    ):
        assert main(["change-bias", "model.pt", *arguments]) in (1, 2)
        assert words in capsys.readouterr().err


def test_init_writes_inputs_that_train_reads(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in range(3):
        water(tmp_path / "data" / f"s{k}", molecules=4, seed=k)
    from dpc.config import read_input

    assert main(["init", "data", "-r", "4"]) == 0
    assert main(["init", "data", "-r", "4", "-o", "input.json", "--size", "small"]) == 0
    assert "3 systems, 72 frames, types O H" in capsys.readouterr().out
    text = (tmp_path / "input.yaml").read_text()
    assert "# learning rate after the warm-up" in text
    found = [read_input(tmp_path / f"input.{s}").normalised() for s in ("yaml", "json")]
    for one in found:
        model, training = one["model"], one["training"]
        assert model["type_map"] == ["O", "H"] and len(model["descriptor"]["sel"]) == 2
        assert training["training_data"]["systems"] == ["data/s0", "data/s1"]
        assert training["validation_data"]["systems"] == ["data/s2"]
        assert one["loss"]["start_pref_v"] == 0.02, "the data have virials"
    assert found[0]["model"]["fitting_net"]["neuron"] == [240] * 3
    assert found[1]["model"]["fitting_net"]["neuron"] == [80] * 3
    for section in ("learning_rate", "loss", "training"):
        for key in set(found[0][section]) - {"training_data", "validation_data"}:
            assert found[0][section][key] == found[1][section][key], key
    assert json.loads((tmp_path / "input.json").read_text())["_comment"]
    assert main(["init", "data"]) == 1 and "input.yaml exists" in capsys.readouterr().err
    assert main(["init", "data", "-o", "x.txt"]) == 2
    assert main(["init", "data/s0", "-r", "4", "--force", "-v", "data/s1", "--steps", "77"]) == 0
    one = read_input(tmp_path / "input.yaml")
    assert one.training["numb_steps"] == 77


def test_init_of_one_system_names_no_validation(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = water(tmp_path / "a", molecules=4)
    np.save(path / "set.000" / "fparam.npy", np.ones((24, 2)))
    assert main(["init", "a", "-r", "4"]) == 0
    assert "name some with -v" in capsys.readouterr().out
    from dpc.config import read_input

    one = read_input(tmp_path / "input.yaml").normalised()
    assert one["training"]["validation_data"] is None
    assert one["model"]["fitting_net"]["numb_fparam"] == 2
