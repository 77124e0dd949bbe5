"""The search for a tuning, where it is kept, and a kernel timed on this machine."""

from dataclasses import replace

import pytest

from dpc.backends.tvm import tuned
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Layer
from dpc.backends.tvm.search import Search
from dpc.backends.tvm.tuning import default_tuning
from dpc.cli.main import main
from dpc.targets import parse_target
from dpc.targets.cpu import LEVELS

TARGET = LEVELS["x86-64-v4"]


def test_the_search_finds_the_fastest():
    """Every number has a best value of its own."""

    def measure(tuning, vectors):
        time = 1.0 + abs(tuning.outputs[vectors - 1] - 6) + abs(tuning.ahead - 8)
        return time + (tuning.block_bytes != 20 << 10) + (tuning.unroll != 4)

    best = Search(measure, default_tuning(TARGET)).run(TARGET)
    assert (best.outputs, best.ahead, best.block_bytes, best.unroll) == ((6, 6, 6), 8, 20 << 10, 4)


def test_noise_changes_nothing():
    count = 0

    def measure(tuning, vectors):
        nonlocal count
        count += 1
        return 1.0 - 1e-5 * count

    assert Search(measure, default_tuning(TARGET)).run(TARGET) == default_tuning(TARGET)


def test_no_more_candidates_than_registers_hold():
    heard = []

    def tell(tuning, vectors, seconds):
        heard.append((vectors, tuning.outputs[vectors - 1]))

    small = LEVELS["x86-64-v3"]
    Search(lambda tuning, vectors: 1.0, default_tuning(small), tell).run(small)
    assert max(v * n + v + 1 for v, n in heard) <= 16


def test_out_of_time():
    heard = []
    search = Search(lambda t, v: heard.append(t) or 1.0, default_tuning(TARGET))
    search.time_left = lambda: False
    search.run(TARGET)
    assert set(heard) == {default_tuning(TARGET)}


def test_a_tuning_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = replace(default_tuning(TARGET), ahead=3)
    assert tuned.load(TARGET, "float64") is None
    path = tuned.save(TARGET, "float64", wanted, 1.1)
    assert tuned.load(TARGET, "float64") == wanted
    assert (
        tuned.load(TARGET, "float32") is None and tuned.load(LEVELS["aarch64"], "float64") is None
    )
    path.write_text("{}")
    assert tuned.load(TARGET, "float64") is None
    assert tuned.forget(TARGET, "float64") and not tuned.forget(TARGET, "float64")


def test_a_kernel_is_timed():
    timing = pytest.importorskip("dpc.backends.tvm.timing")
    pytest.importorskip("tvm")
    target = parse_target("cpu").levels[-1]
    layers = (Layer(8, 16), Layer(16, 16, resnet="same", timestep=True), Layer(16, 1, "linear"))
    spec = GradientSpec("small", layers, "float64")
    seconds = timing.timer(spec, target, default_tuning(target))()
    assert 1e-9 < seconds < 1e-2


def test_forget(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["tune", "--forget"]) == 0
    assert "nothing was tuned" in capsys.readouterr().out
    target = parse_target("cpu").levels[-1]
    tuned.save(target, "float32", default_tuning(target), 1.1)
    assert main(["tune", "--forget"]) == 0
    assert "back to the defaults" in capsys.readouterr().out
