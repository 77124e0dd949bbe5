"""Sizes, inputs and reports of `dpc bench md`, without running LAMMPS."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dpc.bench.lammps_run import LOOP_TIME, Lammps, Measured, _wait
from dpc.bench.md import Row
from dpc.bench.peer import compressed_model
from dpc.bench.report import table, write
from dpc.bench.water_box import default_steps, replicas, water_input
from dpc.cli.main import main
from dpc.errors import InputError, ToolError


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (192, (1, 1, 1)),
        (1536, (2, 2, 2)),
        (12288, (4, 4, 4)),
        (384, (1, 1, 2)),
        (192 * 12, (2, 2, 3)),
        (192 * 7, (1, 1, 7)),
    ],
)
def test_replicas(atoms, expected):
    assert replicas(atoms) == expected
    assert np.prod(replicas(atoms)) * 192 == atoms


@pytest.mark.parametrize("atoms", [0, 1, 191, 200, -192])
def test_other_sizes_are_refused(atoms):
    with pytest.raises(InputError, match="multiple"):
        replicas(atoms)


def test_input_differs_only_in_the_pair_lines(tmp_path):
    ours = water_input(1536, 50, "pair_style dpc a", tmp_path / "d").splitlines()
    theirs = water_input(1536, 50, "pair_style deepmd b", tmp_path / "d").splitlines()
    assert [a for a, b in zip(ours, theirs, strict=True) if a != b] == ["pair_style dpc a"]
    assert "replicate    2 2 2" in ours and ours[-1] == "run          50"


def test_default_steps_take_seconds():
    assert [default_steps(n) for n in (192, 1536, 12288, 98304)] == [1000, 162, 20, 20]


def test_loop_time_of_the_last_run():
    text = "Loop time of 1 on 2 procs for 5 steps with 192 atoms\n"
    text += "Loop time of 0.5 on 2 procs for 10 steps with 192 atoms\n"
    assert LOOP_TIME.findall(text)[-1] == ("0.5", "10", "192")


def row(name, *seconds):
    return Row(192, 2, name, tuple(Measured(192, 100, s, 50_000_000, s + 1) for s in seconds))


def test_report(tmp_path):
    rows = [row("dpc", 1.0, 0.96, 1.1), row("deepmd-kit", 2.0, 2.2, 1.9)]
    text = table(rows)
    assert "52.08" in text and "2.00 x" in text and text.count("\n") == 2
    csv, report = write(rows, {"cpu": "x"}, tmp_path)
    assert len(csv.read_text().splitlines()) == 3
    content = json.loads(report.read_text())
    assert content["rows"][0]["speedup"] == 2.0 and content["rows"][1]["speedup"] is None
    assert len(content["measured"][0]["runs"]) == 3
    assert content["rows"][0]["us_per_step_atom"] == pytest.approx(52.083)


def test_peak_memory_is_of_the_largest_process_below():
    """A shell runs Python, which fills 100 MB: the number is Python's."""
    import subprocess
    import time

    script = "import time; b = bytearray(100_000_000); del b; time.sleep(0.5)"
    program = f"{sys.executable} -c '{script}'; true"
    process = subprocess.Popen(["sh", "-c", program])
    status, peak = _wait(process, time.monotonic() + 60)
    assert status == 0 and 100e6 < peak < 150e6


def test_no_lammps_here(tmp_path):
    with pytest.raises(ToolError, match=r"lammps\[mpi\]"):
        Lammps(tmp_path, tmp_path).site()


def test_the_peer_reads_some_files(tmp_path):
    with pytest.raises(InputError, match=".dp"):
        compressed_model(Path("model.pt"), tmp_path, tmp_path)


@pytest.mark.parametrize("words", [["--ranks", "0"], ["--repeats", "0"], ["--steps", "0"]])
def test_usage(words, capsys):
    assert main(["bench", "md", *words]) == 2
    assert "must be 1 or more" in capsys.readouterr().err


def test_not_a_package(tmp_path, capsys):
    assert main(["bench", "md", "--package", str(tmp_path), "-o", str(tmp_path)]) == 1
    assert "not a compiled package" in capsys.readouterr().err


def test_a_missing_data_file_is_found_before_compiling(tmp_path, capsys):
    assert main(["bench", "md", "--data", "nowhere", "-o", str(tmp_path / "b")]) == 1
    assert "--data nowhere: no such file" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
