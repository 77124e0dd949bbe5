"""Who runs against whom, in what order, and the tables and plots that come of it."""

import csv
import io
import json
from pathlib import Path

import pytest

from dpc.bench import md, plots, report
from dpc.bench.contenders import Contender, baseline, named
from dpc.bench.lammps_run import Lammps, Measured
from dpc.bench.memory import Growth
from dpc.bench.progress import Progress, clock_text
from dpc.bench.systems import SYSTEMS
from dpc.errors import UsageError

WATER = SYSTEMS["water"]
HERE = Lammps(Path("/nowhere"), Path("/nowhere"))


def contender(kind, precision="f64", subject="model", file="model.dpc", target="x86-64-v4"):
    return Contender(kind, kind, Path(file), HERE, precision, subject, target, f"{kind} 1")


def run(seconds, energy=-1.0):
    return Measured(192, 100, seconds, 50_000_000, seconds + 1, 90_000_000, energy)


def row(one, seconds, against=None, others=()):
    runs, theirs = tuple(map(run, seconds)), tuple(map(run, others))
    return md.Row(md.Case(192, 2), one, runs, against, theirs)


def test_names_say_what_differs():
    many = [contender("dpc"), contender("dpc", "f32"), contender("deepmd-kit")]
    assert [one.name for one in named(many)] == ["dpc f64", "dpc f32", "deepmd-kit"]
    assert [one.name for one in named([contender("dpc")])] == ["dpc"]
    files = [contender("dpc", file="a.dpc"), contender("dpc", file="b.dpc")]
    assert [one.name for one in named(files)] == ["dpc a", "dpc b"]
    with pytest.raises(UsageError, match="twice"):
        named([contender("dpc"), contender("dpc")])


def test_baseline_is_the_peer_of_that_precision():
    peers = [contender("deepmd-kit"), contender("deepmd-kit", "f32")]
    for precision, expected in (("f64", "f64"), ("f32", "f32"), ("mixed", "f32")):
        assert baseline(contender("dpc", precision), peers).precision == expected
    assert baseline(contender("dpc", "f32"), peers[:1]).precision == "f64"
    assert baseline(peers[0], peers) is None and baseline(contender("dpc"), []) is None
    two = [*peers, contender("deepmd-kit", subject="other")]
    assert baseline(contender("dpc", subject="other"), two).subject == "other"
    assert baseline(contender("dpc", subject="third"), two) is None


def test_pair_lines():
    one = contender("dpc", file="/w.dpc")
    assert one.pair("OH", 2) == "pair_style   dpc /w.dpc threads 2\npair_coeff   * * O H"
    assert "threads" not in one.pair("OH")
    assert contender("deepmd-kit", file="/c.pb").pair(["Cu"], 2).startswith("pair_style   deepmd ")


def test_cases_fit_the_cores(monkeypatch):
    monkeypatch.setattr(md.os, "cpu_count", lambda: 2)
    layouts = {(c.ranks, c.threads) for c in md.make_cases([192], [1, 2], [1, 2])}
    assert layouts == {(1, 1), (1, 2), (2, 1)}
    assert md.make_cases([192], [4], [1]) == [md.Case(192, 4, 1)]


def test_repeats_alternate(monkeypatch, tmp_path, capsys):
    order = []

    def fake(lammps, text, folder, ranks, threads):
        order.append(folder.name)
        return run(1.0 if "deepmd" in folder.name else 0.5)

    monkeypatch.setattr(md, "run_lammps", fake)
    contenders = named([contender("dpc"), contender("deepmd-kit")])
    cases = [md.Case(192, 2), md.Case(1536, 2)]
    rows = md.measure(WATER, contenders, cases, tmp_path / "d", tmp_path, 2)
    assert order[:4] == [f"192-2x1-{n}-{k}" for k in (1, 2) for n in ("dpc", "deepmd-kit")]
    assert [len(r.runs) for r in rows] == [2] * 4
    assert rows[0].ratios == [2.0, 2.0] and rows[1].ratios == []
    assert "8/8: 1536 atoms, 2 ranks, deepmd-kit, repeat 2" in capsys.readouterr().err


def test_energies_must_agree():
    own, peer = contender("dpc"), contender("deepmd-kit")
    good = md.Row(md.Case(192), own, (run(1, -1.0),), peer, (run(1, -1.00001),))
    bad = md.Row(md.Case(192), own, (run(1, -1.0),), peer, (run(1, -2.0),))
    assert md.disagreements([good]) == []
    assert "5.2e-03 eV/atom" in md.disagreements([bad])[0]


def test_report(tmp_path):
    own, peer = contender("dpc"), contender("deepmd-kit")
    ours, theirs = (1.0, 0.96, 1.1), (2.0, 2.2, 1.9)
    rows = [row(own, ours, peer, theirs), row(peer, theirs)]
    text = report.table(rows, WATER)
    assert "52.08" in text and "2.00 x  (1.73 … 2.29)" in text and text.count("\n") == 2
    table, content = report.write(rows, WATER, {"cpu": "x", "command": "dpc bench"}, tmp_path)
    lines = list(csv.DictReader(table.open()))
    assert [line["cpu"] for line in lines] == ["x", "x"] and lines[0]["against"] == "deepmd-kit"
    found = json.loads(content.read_text())
    assert found["rows"][0]["speedup"] == 2.0 and found["rows"][1]["speedup"] is None
    assert len(found["measured"][0]["runs"]) == 3
    assert found["rows"][0]["us_per_step_atom"] == pytest.approx(52.083)
    assert found["rows"][0]["energy_per_atom"] == pytest.approx(-1 / 192)


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    own, peer = contender("dpc"), contender("deepmd-kit")
    rows = [row(own, (1.0, 1.1), peer, (2.0, 2.2)), row(peer, (2.0, 2.2))]
    records = [report.record(one, WATER) | {"cpu": "x"} for one in rows]
    made = plots.md_plots(records, tmp_path)
    made += plots.stage_plot({"a": {"fitting": 2.0, "force": 0.1}}, tmp_path / "stages")
    made += plots.drift_plot({"a": ([0.0, 1.0], [0.0, 0.1])}, tmp_path / "drift")
    assert len(made) == 8 and all(path.stat().st_size > 1000 for path in made)


def test_progress_on_a_terminal_and_off():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream in (Terminal(), io.StringIO()):
        times = iter([0.0])
        bar = Progress(60.0, stream, lambda times=times: next(times, 30.0))
        bar.begin("first")
        bar.end("first: 30 s", 30.0)
        bar.close()
        assert "50 %, 0:30 left" in stream.getvalue()
        assert "first: 30 s" in stream.getvalue()
    assert [clock_text(s) for s in (5, 75, 3700)] == ["0:05", "1:15", "1:01:40"]


def test_memory_for_each_atom():
    growth = Growth.between((1000, 60_000_000), (3000, 62_000_000))
    assert growth.per_atom == 1000 and growth.base == 59_000_000
    assert growth.largest(159_000_000) == 100_000
    assert Growth.between((1, 5), (2, 5)).largest(100) == float("inf")
