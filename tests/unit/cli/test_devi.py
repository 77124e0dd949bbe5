"""dpc devi: DeePMD-kit's numbers and columns, trajectories, and what it refuses."""

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.data.deviation import COLUMNS, deviation
from dpc.frontend.importers import write_model
from tests.paths import SHARED, needs_shared
from tests.unit.data.folders import write_folder
from tests.unit.frontend.zoo import random_file

ENSEMBLE = SHARED / "golden" / "ensemble"


@pytest.fixture
def models(tmp_path):
    paths = [tmp_path / f"m{k}.pt" for k in range(3)]
    for k, path in enumerate(paths):
        write_model(random_file(seed=k), path)
    return [str(p) for p in paths]


@pytest.fixture
def data(tmp_path):
    path = write_folder(tmp_path / "data", frames=3, sets=1)
    coord = np.load(path / "set.000/coord.npy") * 4
    np.save(path / "set.000/coord.npy", coord)
    return path


def rows(path):
    """The numbers of the file."""
    return np.atleast_2d(np.loadtxt(path))


@needs_shared
def test_formulas_give_the_numbers_of_deepmd_kit():
    """Against the peer's own calc_model_devi, for every group of frames."""
    cases = np.load(ENSEMBLE / "cases.npz")
    compared = 0
    for group in cases["groups"]:
        for key, options in (
            ("devi", {}),
            ("devi_relative", {"relative": 1.0}),
            ("devi_relative_v", {"relative_v": 0.5}),
        ):
            for k, expected in enumerate(cases[f"{group}.{key}"]):
                of = {q: [cases[f"{group}.{q}.{m}"][k] for m in range(4)]
                      for q in ("energy", "force", "virial")}  # fmt: skip
                energies = [float(np.ravel(e)[0]) for e in of["energy"]]
                found = deviation(energies, of["force"], of["virial"], **options)
                row = [*found.row(), *found.force]
                assert row == pytest.approx(expected[1:], rel=1e-12, abs=1e-14), (group, key)
                compared += 1
    assert compared > 20


@needs_shared
def test_models_of_deepmd_kit_on_its_frames(tmp_path, capsys):
    """The whole command, against the file that `dp model-devi --atomic` wrote."""
    cases = np.load(ENSEMBLE / "cases.npz")
    folder = tmp_path / "system" / "set.000"
    folder.mkdir(parents=True)
    atype = cases["ortho.atype"]
    (tmp_path / "system" / "type.raw").write_text(" ".join(map(str, atype)))
    np.save(folder / "coord.npy", cases["ortho.coord"])
    np.save(folder / "box.npy", cases["ortho.box"])
    models = [str(ENSEMBLE / f"model_{k}.dp") for k in range(4)]
    for name, options in (("model_devi.out", []), ("model_devi_relative.out", ["--relative", "1"])):
        out = tmp_path / name
        command = ["devi", "-m", *models, "-s", str(tmp_path / "system"), "-o", str(out)]
        assert main([*command, "--atomic", *options]) == 0
        expected = rows(ENSEMBLE / name)
        assert rows(out) == pytest.approx(expected, rel=2e-6)
        head, theirs = (p.read_text().splitlines()[1].split() for p in (out, ENSEMBLE / name))
        assert head == theirs, "the same names of columns"
        assert len(out.read_text().splitlines()[2]) == len(
            (ENSEMBLE / name).read_text().splitlines()[2]
        )
    assert "2 frames, 4 models" in capsys.readouterr().out


def test_real_error_is_about_the_labels(models, data, tmp_path):
    out = tmp_path / "x.out"
    command = ["devi", "-m", models[0], "-s", str(data), "-o", str(out), "--real_error"]
    assert main([*command, "-f", "10"]) == 0
    from dpc.frontend import load_model

    model = load_model(models[0])
    coord, force = (np.load(data / f"set.000/{n}.npy").reshape(3, 3, 3) for n in ("coord", "force"))
    energy = np.load(data / "set.000/energy.npy")
    found = rows(out)
    assert found[:, 0].tolist() == [0, 10, 20]
    for k in range(3):
        answer = model.evaluate(coord[k], ["O", "H", "H"], np.eye(3) * 9)
        error = np.linalg.norm(answer["force"] - force[k], axis=1)
        row = found[k, 1 + COLUMNS.index("max_devi_f") :]
        assert row[:3] == pytest.approx([error.max(), error.min(), error.mean()], rel=1e-5)
        assert row[3] == pytest.approx(abs(answer["energy"] - energy[k]) / 3, rel=1e-5)


def test_trajectories_give_what_the_data_give(models, data, tmp_path):
    ase = pytest.importorskip("ase")
    from ase.io import write

    coord = np.load(data / "set.000/coord.npy").reshape(3, 3, 3).astype(float)
    frames = [ase.Atoms("OHH", positions=x, cell=np.eye(3) * 9, pbc=True) for x in coord]
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    lines = []
    for x in coord:
        lines += ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", "3", "ITEM: BOX BOUNDS pp pp pp"]
        lines += ["0 9"] * 3 + ["ITEM: ATOMS id type x y z"]
        # types of a dump: 1 is the first of the model's type map
        lines += [f"{i + 1} {(1, 2, 2)[i]} {' '.join(f'{c:.17g}' for c in r)}"
                  for i, r in enumerate(x)]  # fmt: skip
    (tmp_path / "dump.x").write_text("\n".join(lines) + "\n")
    results = []
    for source in (["-s", str(data)], ["-t", str(tmp_path / "t.extxyz")],
                   ["-t", str(tmp_path / "dump.x")]):  # fmt: skip
        out = tmp_path / "o.out"
        assert main(["devi", "-m", *models, *source, "-o", str(out)]) == 0
        results.append(rows(out))
    assert results[1] == pytest.approx(results[0], rel=1e-5)
    assert results[2][:, 1:] == pytest.approx(results[0][:, 1:], rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["-m", "m0.pt", "-s", "data"], "at least two models", 2),
        (["-m", "m0.pt", "m1.pt", "-s", "data", "-f", "0"], "number of steps, at least 1", 2),
        (["-m", "m0.pt", "m1.pt", "-s", "data", "--relative", "0"], "a level above 0", 2),
        (["-m", "m0.pt", "-t", "x.xyz", "--real_error"], "needs labels", 2),
        (["-m", "m0.pt", "m1.pt", "-t", "x.xyz"], "x.xyz: no such file", 1),
        (["-m", "m0.pt", "m9.pt", "-s", "data"], "m9.pt: no such file", 1),
    ],
)
def test_what_it_refuses(models, data, monkeypatch, capsys, arguments, message, code):
    monkeypatch.chdir(data.parent)
    assert main(["devi", *arguments]) == code
    assert message in capsys.readouterr().err
    assert not list(data.parent.glob("model_devi*")), "nothing is left behind"
