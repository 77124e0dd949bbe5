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


def test_detail_files_as_dp_test_writes_them(model, tmp_path, capsys):
    for name in "ab":
        relabel(write_folder(tmp_path / "data" / name, frames=3, sets=1))
    prefix = tmp_path / "detail"
    command = ["test", "-m", str(model), "-s", str(tmp_path / "data"), "-d", str(prefix)]
    assert main(command) == 0
    suffixes = ("e", "e_peratom", "f", "v", "v_peratom")
    files = {s: tmp_path / f"detail.{s}.out" for s in suffixes}
    tables = {s: np.loadtxt(file) for s, file in files.items()}
    shapes = {s: table.shape for s, table in tables.items()}
    assert shapes == {"e": (6, 2), "e_peratom": (6, 2), "f": (18, 6), "v": (6, 18),
                      "v_peratom": (6, 18)}  # fmt: skip
    assert (tables["e"][:, 0] - tables["e"][:, 1]) == pytest.approx([0.5] * 6)
    assert tables["e_peratom"] == pytest.approx(tables["e"] / 3)
    assert tables["f"][:, :3] == pytest.approx(tables["f"][:, 3:], abs=1e-12)
    label = np.load(tmp_path / "data/b/set.000/force.npy").reshape(-1, 3)
    assert tables["f"][9:, :3] == pytest.approx(label, abs=1e-15), "every bit, systems in order"
    heads = [line for line in files["f"].read_text().splitlines() if line.startswith("#")]
    where = [str(tmp_path / "data" / name) for name in "ab"]
    words = "data_fx data_fy data_fz pred_fx pred_fy pred_fz"
    assert heads == [f"# {w}: {words}" for w in where]
    assert str(files["v"]) in capsys.readouterr().out
    assert not list(tmp_path.glob("*.part"))


def test_nothing_half_written_stays(model, tmp_path):
    folder = write_folder(tmp_path / "data", frames=3, sets=1)
    relabel(folder)
    force = np.load(folder / "set.000/force.npy")
    force[2] = np.nan
    np.save(folder / "set.000/force.npy", force)
    command = ["test", str(model), "-s", str(folder), "-d", str(tmp_path / "x.out")]
    assert main(command) == 1
    assert not list(tmp_path.glob("x*"))


def test_atomic_energies_a_list_of_systems_and_a_sample(model, tmp_path, capsys):
    for name in "ab":
        folder = write_folder(tmp_path / name, frames=4, sets=1)
        relabel(folder)
        coord = np.load(folder / "set.000/coord.npy")
        energies = [
            random_model().evaluate(x, [0, 1, 1], np.eye(3) * 9)["atom_energy"] for x in coord
        ]
        np.save(folder / "set.000/atom_ener.npy", np.array(energies) + 0.25)
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two of them\n{tmp_path / 'a'}\n\n{tmp_path / 'b'}\n")
    base = ["test", str(model), "-f", str(listed), "-n", "2"]
    assert main([*base, "-a", "-d", str(tmp_path / "x")]) == 0
    printed = capsys.readouterr().out
    (line,) = [text for text in printed.splitlines()[-9:] if "atom_energy" in text]
    assert line.split()[2] == line.split()[4] == "2.500000e-01"
    assert np.loadtxt(tmp_path / "x.ae.out").shape == (12, 2)
    assert main(base) == 0
    assert "atom_energy" not in capsys.readouterr().out
    energies = []
    for seed in ("1", "1", "2"):
        assert main([*base, "--shuffle-test", "-r", seed, "-d", str(tmp_path / "y")]) == 0
        energies.append(np.loadtxt(tmp_path / "y.e.out")[:, 0].tolist())
    assert energies[0] == energies[1] != energies[2]
    listed.write_text("\n")
    assert main(base) == 1
    assert "names no data folder" in capsys.readouterr().err
    assert main(["test", "-s", "x"]) == 2 and main(["test", "a", "-m", "b", "-s", "x"]) == 2


def test_parity_page(model, tmp_path, capsys):
    relabel(write_folder(tmp_path / "data", frames=3, sets=1))
    page = tmp_path / "page.html"
    assert main(["test", str(model), "-s", str(tmp_path / "data"), "--report", str(page)]) == 0
    html = page.read_text()
    for words in ("Force components", "mean absolute error", "1.666667e-01 eV", "<svg", "27"):
        assert words in html
    first = html
    assert main(["test", str(model), "-s", str(tmp_path / "data"), "--report", str(page)]) == 0
    assert page.read_text() == first, "the same data give the same bytes"
