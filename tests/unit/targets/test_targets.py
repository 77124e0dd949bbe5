"""Targets: names, this machine's level, register arithmetic."""

from __future__ import annotations

import pytest

from dpc.errors import UsageError
from dpc.targets import cpu, parse_target
from dpc.targets.cpu import LEVELS

V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"
V3 = V2 + " abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
V4 = V3 + " avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize("name", LEVELS)
def test_every_target_reads_back(name):
    target = parse_target(f"cpu:{name}")
    assert target.arch == name and str(target) == f"cpu:{name}"
    assert parse_target(str(target)) == target
    assert hash(target) == hash(parse_target(str(target)))


@pytest.mark.parametrize("target", LEVELS.values(), ids=str)
def test_a_tile_has_one_to_three_vectors(target):
    assert target.tile_atoms() == 3 * target.lanes()
    assert [target.tile_atoms("float32", n) for n in (1, 2)] == [
        2 * target.lanes(),
        4 * target.lanes(),
    ]


def test_features_go_with_a_level():
    target = parse_target("cpu:x86-64-v4+bf16")
    assert str(target) == "cpu:x86-64-v4+bf16" and target.isa == "x86-64-v4+bf16"
    assert target.features == ("bf16",) and "+avx512bf16" in target.mattr
    assert parse_target(str(target)) == target == cpu.with_feature(LEVELS["x86-64-v4"], "bf16")
    assert cpu.with_feature(target, "bf16") is target
    amx = parse_target("cpu:x86-64-v4+amx")  # it brings what it needs
    assert amx.arch == "x86-64-v4+bf16+amx" and parse_target(str(amx)) == amx
    with pytest.raises(UsageError, match=r"x86-64-v4 only: try cpu:x86-64-v4\+bf16"):
        parse_target("cpu:x86-64-v3+bf16")
    with pytest.raises(UsageError, match="no such feature. Did you mean 'bf16'"):
        parse_target("cpu:x86-64-v4+bf61")


def test_lanes():
    assert [parse_target(f"cpu:x86-64-v{n}").lanes() for n in (2, 3, 4)] == [2, 4, 8]
    assert parse_target("cpu:x86-64-v4").lanes("float32") == 16
    assert parse_target("cpu:aarch64").tile_atoms() == 6


@pytest.mark.parametrize(
    ("features", "level"),
    [("", 2), (V2, 2), (V3, 3), (V4, 4), (V3.replace("fma", ""), 2), (V4.replace("bmi2", ""), 2),
     (V4.replace("avx512vl", ""), 3), (V4 + " amx_tile", 4)],
)  # fmt: skip
def test_x86_level(features, level):
    assert cpu.x86_level(frozenset(features.split())) == f"x86-64-v{level}"


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_cpu_is_this_machine(machine, monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: fpu {V3}\n\n")
    monkeypatch.setattr(cpu.platform, "machine", lambda: machine)
    monkeypatch.setattr(cpu, "CPUINFO", info)
    assert parse_target("cpu").arch == "x86-64-v3"
    assert cpu.runs_here(LEVELS["x86-64-v2"]) and not cpu.runs_here(LEVELS["x86-64-v4"])
    assert not cpu.runs_here(LEVELS["aarch64"])
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "none")
    assert parse_target("cpu").arch == "x86-64-v2"


def test_a_feature_must_be_there(monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(cpu.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(cpu, "CPUINFO", info)
    target = parse_target("cpu:x86-64-v4+bf16")
    for flags, runs in ((V4, False), (V4 + " avx512_bf16", True), (V3 + " avx512_bf16", False)):
        info.write_text(f"flags\t\t: {flags}\n")
        assert cpu.runs_here(target) == runs
    assert parse_target("cpu").features == ()  # plain: portable among CPUs of the level
    v4 = LEVELS["x86-64-v4"]
    for flags, arch in (("amx_tile", "bf16"), ("amx_tile amx_bf16 avx512_bf16", "bf16+amx")):
        info.write_text(f"flags\t\t: {V4} {flags}\n")
        assert cpu.with_bf16(v4).arch == f"x86-64-v4+{arch}"


def test_other_machines(monkeypatch):
    monkeypatch.setattr(cpu.platform, "machine", lambda: "arm64")
    assert parse_target("cpu").arch == "aarch64"
    assert not cpu.runs_here(LEVELS["x86-64-v2"])
    monkeypatch.setattr(cpu.platform, "machine", lambda: "riscv64")
    with pytest.raises(UsageError, match="this machine is a 'riscv64'"):
        parse_target("cpu")
    assert not cpu.runs_here(LEVELS["x86-64-v2"])


@pytest.mark.parametrize(
    ("text", "says"),
    [("cpu:x86-64-v5", "Did you mean 'x86-64-v"), ("cpu:arm64", "no such instruction set"),
     ("cpus", "Did you mean 'cpu'"), ("x86-64-v3", "Did you mean 'cpu:x86-64-v3'"),
     ("", "no target is called ''")],
)  # fmt: skip
def test_wrong_names(text, says):
    with pytest.raises(UsageError, match=says) as caught:
        parse_target(text)
    assert "Known: " in str(caught.value)
