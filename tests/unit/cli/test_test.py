"""dpc test: what it prints, and what it says when it cannot."""

import numpy as np
import pytest

import dpc.data.counter as counter
from dpc.cli.main import main
from dpc.frontend.importers import write_model
from tests.unit.data.folders import write_folder
from tests.unit.frontend.zoo import random_file, random_model


@pytest.fixture
def model(tmp_path):
    write_model(random_file(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def said(capsys):
    """What is on stderr."""
    return capsys.readouterr().err


def relabel(folder):
    """Labels as the random model gives them, energies 0.5 eV too high."""
    coord = np.load(folder / "set.000/coord.npy").astype(float) * 4
    np.save(folder / "set.000/coord.npy", coord)
    found = [random_model().evaluate(x, [0, 1, 1], np.eye(3) * 9) for x in coord]
    np.save(folder / "set.000/energy.npy", [f["energy"] + 0.5 for f in found])
    np.save(folder / "set.000/force.npy", [f["force"] for f in found])
    np.save(folder / "set.000/virial.npy", [f["virial"] for f in found])


def test_errors_of_a_folder(model, tmp_path, capsys):
    relabel(write_folder(tmp_path / "data", frames=3, sets=1))
    assert main(["test", str(model), "-s", str(tmp_path / "data")]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.endswith("data: 3 frames")
    values = {line.split()[0]: (float(line.split()[2]), float(line.split()[4])) for line in lines}
    assert list(values) == ["energy", "energy/atom", "force", "virial", "virial/atom"]
    assert values["energy"] == (0.5, 0.5)
    assert values["energy/atom"] == pytest.approx((0.5 / 3, 0.5 / 3), rel=1e-6)
    assert max(values["force"]) < 1e-12 and max(values["virial"]) < 1e-12


def test_several_systems_and_few_frames(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(counter, "QUIET", 0.0)
    for name in "ab":
        relabel(write_folder(tmp_path / "data" / name, frames=3, sets=1))
    assert main(["test", str(model), "-s", str(tmp_path / "data"), "-n", "2"]) == 0
    printed = capsys.readouterr()
    assert "a: 2 frames" in printed.out and "2 systems, 4 frames" in printed.out
    assert "4 of 4 frames, about 0 s left" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["nothing.pt", "-s", "."], "nothing.pt: no such file", 1),
        (["/dev/null", "-s", "."], "/dev/null: the file is empty", 1),
        (["model.pt", "-s", "nowhere"], "nowhere: no such folder", 1),
        (["model.pt", "-s", ".", "-n", "-1"], "cannot be negative", 2),
    ],
)
def test_what_it_says_when_it_cannot(model, monkeypatch, capsys, arguments, message, code):
    monkeypatch.chdir(model.parent)
    assert main(["test", *arguments]) == code
    assert message in capsys.readouterr().err


def test_frames_that_cannot_be(model, tmp_path, capsys):
    """The message says in which frame; no frames, and frames of no atoms, are not an accident."""
    folder = write_folder(tmp_path / "data", frames=3, sets=1)
    relabel(folder)
    command = ["test", str(model), "-s", str(folder)]
    good = np.load(folder / "set.000/coord.npy")
    bad = good.copy()
    bad[1, 4] = np.nan
    np.save(folder / "set.000/coord.npy", bad)
    assert main(command) == 1
    assert (
        "data, frame 1, atom 1 (counted from 0): coord has the value nan" in capsys.readouterr().err
    )
    np.save(folder / "set.000/coord.npy", good[:0])
    assert main(command) == 1
    assert "data: there are no frames" in capsys.readouterr().err
    np.save(folder / "set.000/coord.npy", good)
    (folder / "type.raw").write_text("-1 -1 -1")
    assert main(command) == 0
    assert "force" not in capsys.readouterr().out
