"""How LAMMPS finds the plugin, and what happens when it cannot be built."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from dpc import lammps as plugin
from dpc.errors import ToolError
from tests.engines.simulation import Simulations, water_input


def test_the_lmp_command_finds_it(lammps, water, tmp_path):
    """`lmp` of this environment, as a user types it: the entry point gives the folder."""
    names = [entry.name for entry in metadata.entry_points(group="lammps.plugins")]
    if "dpc" not in names:
        pytest.skip("dpc is not installed here: pip install -e .")
    (tmp_path / "in.water").write_text(water_input(water))
    own = {k: v for k, v in os.environ.items() if not k.startswith(("LAMMPS_", "LD_LIB"))}
    command = [str(Path(sys.prefix) / "bin" / "lmp"), "-in", "in.water"]
    result = subprocess.run(
        command, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout[-2000:]
    assert "pair_style dpc:" in result.stdout


def test_another_lammps_is_refused_in_one_sentence(lammps, water, monkeypatch, tmp_path):
    monkeypatch.setattr(plugin, "lammps_release", lambda: 20240829)
    simulate = Simulations(replace(lammps, plugins=plugin.build_plugin().parent), tmp_path)
    with pytest.raises(ToolError, match="built for LAMMPS release 20240829, but this LAMMPS is"):
        simulate(water_input(water))


def test_a_failed_build_does_not_stop_lmp(monkeypatch, capsys):
    """plugin_dir is called by every `lmp` of the environment, dpc's user or not."""

    def fail():
        raise ToolError("no C++ compiler: apt-get install g++")

    monkeypatch.setattr(plugin, "build_plugin", fail)
    folder = plugin.plugin_dir()
    assert Path(folder).is_dir()
    assert not list(Path(folder).glob("*plugin.so"))
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pair_style dpc is not available" in said


def test_an_unexpected_failure_neither(monkeypatch, capsys):
    def fail():
        raise RuntimeError("what is this")

    monkeypatch.setattr(plugin, "build_plugin", fail)
    assert Path(plugin.plugin_dir()).is_dir()
    assert "what is this" in capsys.readouterr().err
