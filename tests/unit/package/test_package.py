"""Packages: written whole or not at all, and read back only when every byte is right."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_with_library

from dpc.errors import DpcError, InputError
from dpc.package import packed, safetensors, write
from dpc.package.manifest import FileEntry, Manifest, parse_manifest
from dpc.package.read import open_package
from dpc.package.write import check_destination, created, write_package

MODEL = {"name": "water", "type_map": ["O", "H"], "rcut": 6.0, "outputs": ["energy"]}
TARGET = {"kind": "cpu", "arch": "x86-64-v2", "precision": "f64"}
FILES = {"bin/host.so": b"\x7fELF code", "params.safetensors": bytes(200), "program.dpir": b"p\n"}


def manifest(**changes) -> Manifest:
    fields = {"model": MODEL, "target": TARGET, "pipeline": "fuse", "dpc": "0.1.0"}
    return Manifest(**{**fields, "created": "2026-01-01T00:00:00Z", **changes})


@pytest.fixture
def package(tmp_path):
    write_package(tmp_path / "water.dpc", manifest(), FILES)
    return tmp_path / "water.dpc"


# manifest


def test_manifest_reads_back():
    entry = FileEntry.of(b"abc")
    written = manifest(files={"bin/host.so": entry})
    read = parse_manifest(written.to_text().encode(), "water.dpc")
    assert read == written
    assert written.to_text().endswith('"\n}\n')


def test_manifest_digest_is_of_all_before_its_line():
    import hashlib

    text = manifest().to_text()
    body, line = text[: text.rindex('\n "sha256": "')], text[text.rindex('\n "sha256": "') :]
    assert line == f'\n "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'
    assert json.loads(text)["files"] == {}


@pytest.mark.parametrize("place", range(0, 500, 7))
def test_any_changed_byte_of_the_manifest_is_found(place):
    data = bytearray(manifest().to_text().encode())
    data[place % len(data)] ^= 0x01
    with pytest.raises(InputError, match="manifest.json is damaged"):
        parse_manifest(bytes(data), "water.dpc")


@pytest.mark.parametrize("field", ["format", "abi"])
@pytest.mark.parametrize("number, word", [(2, "newer"), (0, "older")])
def test_other_versions_are_refused(field, number, word):
    text = manifest(**{field: number}).to_text()
    with pytest.raises(InputError, match=f"{field} {number} is {word}.*ompile the model again"):
        parse_manifest(text.encode(), "water.dpc")


@pytest.mark.parametrize(
    "name", ["../host.so", "/etc/passwd", "bin/../../x", "a//b", ".hidden", ""]
)
def test_files_outside_the_package_are_refused(name):
    text = manifest(files={name: FileEntry(1, "0" * 64)}).to_text()
    with pytest.raises(InputError, match="outside the package"):
        parse_manifest(text.encode(), "water.dpc")


def test_created_follows_source_date_epoch(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert created() == "1970-01-02T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(InputError, match="yesterday.*seconds since 1970"):
        created()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert created().startswith("20")


# the folder


def test_package_reads_back(package):
    opened = open_package(package)
    opened.verify()
    assert opened.manifest.model == MODEL
    for name, data in FILES.items():
        assert opened.read(name) == data


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_found(package, name):
    path = package / name
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(InputError, match=f"{name} has {len(data) - 1} bytes"):
        open_package(package)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{name} is damaged"):
        open_package(package).verify()
    path.unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        open_package(package)


def test_what_is_not_a_package(tmp_path):
    with pytest.raises(InputError, match="no such package"):
        open_package(tmp_path / "none.dpc")
    with pytest.raises(InputError, match="not a package"):
        open_package(tmp_path)


def test_an_older_package_is_replaced(package):
    write_package(package, manifest(pipeline="memory"), {**FILES, "program.dpir": b"new\n"})
    assert open_package(package).read("program.dpir") == b"new\n"
    assert os.listdir(package.parent) == ["water.dpc"]


def test_other_things_are_never_replaced(tmp_path):
    file, folder = tmp_path / "file.dpc", tmp_path / "folder.dpc"
    file.write_text("mine")
    folder.mkdir()
    (folder / "mine").write_text("mine")
    link = tmp_path / "link.dpc"
    link.symlink_to(folder)
    for path in (file, folder, link):
        with pytest.raises(InputError, match="will not be overwritten"):
            write_package(path, manifest(), FILES)
    assert file.read_text() == (folder / "mine").read_text() == "mine"
    with pytest.raises(InputError, match="does not exist"):
        check_destination(tmp_path / "no" / "water.dpc")


def test_an_interrupted_write_leaves_what_was_there(package, monkeypatch):
    before = open_package(package).manifest
    real = Path.write_bytes

    def interrupted(self, data):
        if self.name == "program.dpir":
            raise KeyboardInterrupt
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_package(package, manifest(pipeline="other"), FILES)
    monkeypatch.undo()
    assert open_package(package).manifest == before
    assert os.listdir(package.parent) == ["water.dpc"]


def test_a_failed_rename_puts_the_old_package_back(package, monkeypatch):
    real = Path.rename

    def fail(self, to):
        if self.name == "new":
            raise OSError("disk full")
        return real(self, to)

    monkeypatch.setattr(write, "_swap", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InputError, match="cannot be written .disk full"):
        write_package(package, manifest(), FILES)
    monkeypatch.undo()
    open_package(package).verify()


def write_and_die(package, step):
    """A process that writes the package and is killed before its file operation `step`."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    left = step

    def count(event, arguments):
        nonlocal left
        if event.startswith(("open", "os.", "shutil.", "ctypes.")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    try:
        write_package(package, manifest(pipeline="new"), FILES)
    finally:
        os._exit(0)


def test_a_package_is_there_whenever_the_writer_is_killed(package):
    """Old or new, but whole."""
    step, status = 0, signal.SIGKILL
    while status == signal.SIGKILL:
        step += 1
        status = write_and_die(package, step)
        open_package(package).verify()
    assert status == 0 and step > 20
    assert open_package(package).manifest.pipeline == "new"


def test_files_of_the_user_in_a_package_are_kept(package):
    (package / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds notes.txt, which dpc did not write"):
        write_package(package, manifest(), FILES)
    assert (package / "notes.txt").read_text() == "mine"


def test_a_damaged_package_is_replaced(package):
    (package / "manifest.json").write_text("{")
    write_package(package, manifest(), FILES)
    open_package(package).verify()


def test_a_name_that_cannot_be_is_an_error_of_the_user(tmp_path):
    with pytest.raises(InputError, match="cannot be written .File name too long"):
        check_destination(tmp_path / ("x" * 300))


# safetensors


DTYPES = ["float64", "float32", "int32", "int64", "bool", "uint8"]


KINDS = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 5), max_size=3))


@settings(max_examples=30, deadline=None)
@given(st.lists(KINDS, max_size=6))
def test_safetensors_read_back_and_are_aligned(kinds):
    rng = np.random.default_rng(0)
    arrays = {
        f"t{k}": np.asarray(rng.integers(0, 2, shape)).astype(dtype)
        for k, (dtype, shape) in enumerate(kinds)
    }
    data = safetensors.save(arrays, {"about": "a test"})
    where = safetensors.layout(arrays, {"about": "a test"})
    assert len(data) == where.size and len(data) % 64 == 0
    read, metadata = safetensors.load(data, "file")
    library = load_with_library(data)
    assert metadata == {"about": "a test"} and list(read) == list(arrays)
    for name, array in arrays.items():
        assert where.offsets[name] % 64 == 0
        assert data[where.offsets[name] :].startswith(array.tobytes())
        for got in (read[name], library[name]):
            assert got.dtype == array.dtype and np.array_equal(got, array)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        (2**60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"{bad",
        safetensors.save({"a": np.arange(100.0)})[:-128],
        safetensors.save({"a": np.arange(100.0)}).replace(b'"F64"', b'"F99"'),
        safetensors.save({"a": np.arange(100.0)}).replace(b"[100]", b"[101]"),
    ],
)
def test_damaged_safetensors_are_refused(data):
    with pytest.raises(InputError, match="params: "):
        safetensors.load(data, "params")


# packing


def pack_like_a_kernel(tensors):
    """Weights in blocks of 8 columns, everything padded to 8 numbers."""
    parts = []
    for array in tensors.values():
        if array.ndim == 2:
            wide = np.pad(array, [(0, 0), (0, -array.shape[1] % 8)])
            array = wide.reshape(len(wide), -1, 8).transpose(1, 0, 2)
        parts.append(np.pad(array.ravel(), (0, -array.size % 8)))
    return np.concatenate(parts)


def test_packed_tensors_come_back():
    rng = np.random.default_rng(0)
    tensors = {
        "net.0.weight": rng.normal(size=(3, 10)),
        "net.0.bias": rng.normal(size=10),
        "net.1.weight": rng.normal(size=(10, 1)),
        "net.1.bias": rng.normal(size=1),
    }
    table = rng.normal(size=(2, 5, 6, 10))
    pieces = packed.find_pieces(pack_like_a_kernel, tensors)
    packing = packed.Packing({"net.packed": pieces}, {"table": 10})
    stored = {
        "net.packed": pack_like_a_kernel(tensors),
        "table": np.pad(table, [(0, 0)] * 3 + [(0, 6)]),
        "mean": np.arange(4.0),
    }
    data = safetensors.save(stored, packing.to_metadata())
    found = packed.unpack(*safetensors.load(data, "params"))
    expected = {**tensors, "table": table, "mean": stored["mean"]}
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(found[name], array), name


def test_kernels_that_change_numbers_or_order_are_found_out():
    tensors = {"w": np.zeros((4, 4))}
    with pytest.raises(DpcError, match="changes the numbers"):
        packed.find_pieces(lambda t: t["w"] * 0.5, tensors)
    with pytest.raises(DpcError, match="order dpc cannot undo"):
        packed.find_pieces(lambda t: t["w"][::-1], tensors)


def test_reading_a_package_needs_no_heavy_library():
    code = "import sys, dpc.package.read; print([m for m in ('torch', 'tvm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
