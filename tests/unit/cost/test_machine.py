"""The roofline of this machine, measured and assumed."""

from __future__ import annotations

import shutil

import pytest

from dpc import native
from dpc.cost import machine
from dpc.targets import parse_target
from dpc.targets.cpu import LEVELS
from dpc.targets.roofline import assumed_roofline

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler (cc)")


@pytest.mark.parametrize("arch", LEVELS)
def test_assumed(arch: str) -> None:
    target = parse_target(f"cpu:{arch}")
    roof = assumed_roofline(target)
    assert roof.flops["f32"] == 2 * roof.flops["f64"]
    rates = [level.rate for level in roof.levels]
    assert rates == sorted(rates, reverse=True)
    assert roof.source.startswith("assumed: 3 GHz")
    assert roof.home(1e3).name == "L1" and roof.home(1e12).name == "memory"


@needs_compiler
def test_measured_once_and_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = parse_target("cpu")
    roof = machine.roofline(target)
    assert roof.source.startswith("measured on this machine")
    assert 1e9 < roof.flops["f64"] < roof.flops["f32"] < 1e13
    assert 5e8 < roof.clock < 1e10
    assert [level.name for level in roof.levels] == ["L1", "L2", "L3", "memory"]
    assert all(1e8 < level.rate < 1e13 for level in roof.levels)
    assert list(tmp_path.rglob("rates-*.json"))
    again = machine.roofline(target)
    assert again == roof


@needs_compiler
def test_a_damaged_file_of_rates_is_measured_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = parse_target("cpu")
    machine.roofline(target)
    (kept,) = tmp_path.rglob("rates-*.json")
    for text in ("{", "[1, 2]", '{"a": 1}', '["x"]', ""):
        kept.write_text(text)
        assert machine.roofline(target).flops["f64"] > 1e9


def test_another_machine_is_assumed() -> None:
    other = "aarch64" if "x86" in str(parse_target("cpu")) else "x86-64-v3"
    assert machine.roofline(parse_target(f"cpu:{other}")).source.startswith("assumed")


def test_without_a_compiler_rates_are_assumed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    native._version_of.cache_clear()
    assert machine.roofline(parse_target("cpu")).source.startswith("assumed")
