"""What a person sees: tables, pages, pictures, TensorBoard's files, the timeline."""

import io
import json
import struct

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.config import read_input
from dpc.errors import InputError
from dpc.frontend.training.board import graph_nodes
from dpc.frontend.training.events import Events, masked_crc
from dpc.frontend.training.run import Start, prepare, run
from dpc.frontend.training.table import Table, read_table
from dpc.frontend.training.watch import Watch, described, duration
from tests.unit.frontend.training.toy import write_toy_run
from tests.unit.frontend.zoo import random_model

PEER_TABLE = """\
#  step      rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn         lr
# If there is no available reference data, rmse_*_{val,trn} will print nan
      0      2.51e+01    2.58e+01      2.99e-01    3.00e-01      7.95e-01    8.14e-01    1.0e-03
    100      1.14e+01    1.12e+01      4.58e-02    4.69e-02      3.70e-01    3.63e-01    9.5e-04
"""


def test_rows_are_those_of_the_peer(tmp_path):
    table = Table(tmp_path / "lcurve.out", ("rmse_e", "rmse_f"), True)
    training = {"rmse": 25.8, "rmse_e": 0.3, "rmse_f": 0.814}
    validation = {"rmse": 25.1, "rmse_e": 0.299, "rmse_f": 0.795}
    assert table.row(0, training, validation, 1e-3) == PEER_TABLE.splitlines(True)[2]
    assert table.header().split()[1:9] == PEER_TABLE.split()[1:9]
    assert " nan " in table.row(0, {}, None, 1e-3)


def test_tables_are_read_and_joined(tmp_path):
    path = tmp_path / "lcurve.out"
    path.write_text(PEER_TABLE + PEER_TABLE.replace("    100  ", "    200  ") + "    300   1.0")
    table = read_table(path)
    assert table["step"] == [0, 100, 0, 200] and table["rmse_f_val"][1] == 0.37
    path.write_text("# step a\n1 2 3\n4 5\n")
    with pytest.raises(InputError, match="3 numbers, but the header names 2"):
        read_table(path)


@pytest.mark.parametrize("ending", ["html", "png", "svg"])
def test_dpc_plot(tmp_path, ending, capsys):
    if ending != "html":
        pytest.importorskip("matplotlib")
    path = tmp_path / "lcurve.out"
    path.write_text(PEER_TABLE)
    out = tmp_path / f"curve.{ending}"
    assert main(["plot", str(path), "-o", str(out)]) == 0
    start = {"html": b"<!doctype html>", "png": b"\x89PNG", "svg": b"<?xml"}[ending]
    assert out.read_bytes().startswith(start)


def records(path):
    """The payloads of a file of records, their sums checked."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked_crc(data[:8])
        payload = data[12 : 12 + length]
        (crc,) = struct.unpack("<I", data[12 + length : 16 + length])
        assert crc == masked_crc(payload)
        yield payload
        data = data[16 + length :]


def fields(data):
    """(number, value) of a protocol buffer; fixed numbers as bytes."""
    stream = io.BytesIO(data)

    def varint():
        value = shift = 0
        while True:
            byte = stream.read(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while stream.tell() < len(data):
        key = varint()
        kind = key & 7
        yield key >> 3, varint() if kind == 0 else stream.read({1: 8, 5: 4}.get(kind) or varint())


def test_masked_crc():
    crc = (masked_crc(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert ((crc >> 17) | (crc << 15)) & 0xFFFFFFFF == 0xE3069283  # CRC-32C's check value


def test_event_files(tmp_path):
    events = Events(tmp_path)
    events.scalars(7, {"loss": 0.5})
    events.histograms(7, {"weights": np.arange(10.0)})
    events.graph(graph_nodes(random_model()))
    events.close()
    version, scalars, histogram, graph = records(events.path)
    assert dict(fields(version))[3] == b"brain.Event:2"
    found = dict(fields(scalars))
    assert found[2] == 7
    value = dict(fields(dict(fields(found[5]))[1]))
    assert value[1] == b"loss" and struct.unpack("<f", value[2])[0] == 0.5
    shown = dict(fields(dict(fields(dict(fields(dict(fields(histogram))[5]))[1]))[5]))
    assert struct.unpack("<d", shown[2])[0] == 9.0 and len(shown[6]) == len(shown[7]) == 40 * 8
    nodes = [dict(fields(n)) for k, n in fields(dict(fields(graph))[4]) if k == 1]
    names = [n[1].decode() for n in nodes]
    assert len(set(names)) == len(names) and {b"env_matrix", b"mlp"} <= {n[2] for n in nodes}


def test_a_run_with_tensorboard_and_a_timeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_toy_run(tmp_path, tensorboard=True, tensorboard_freq=5, profiling=True)
    run(prepare(read_input(path), Start(quiet=True)))
    (events,) = (tmp_path / "log").iterdir()
    assert len(list(records(events))) > 8
    assert json.loads((tmp_path / "timeline.json").read_text())["traceEvents"]


def test_page_of_a_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_toy_run(tmp_path, numb_steps=10)
    assert main(["train", str(path), "-q"]) == 0
    page = (tmp_path / "model.train.html").read_text()
    for words in ("RMSE, force", "Errors by step", "virial/atom: model against data"):
        assert words in page


def test_progress_without_a_terminal():
    stream = io.StringIO()
    watch = Watch(100, stream=stream)

    class Named:
        name = ""

    watch.start(0)
    watch.row(50, Named(), {"rmse": 1.0, "rmse_e": 0.5}, {"rmse_e": 0.25}, 1e-3)
    assert "step  50 of 100" in stream.getvalue() and "left" in stream.getvalue()
    assert "e 5.00e-01  validation e 2.50e-01" in stream.getvalue()
    assert described({"rmse": 1.0, "rmse_f": 0.5}) == "f 5.00e-01"
    assert [duration(s) for s in (5, 65, 3700)] == ["5 s", "1:05", "1:01:40"]
