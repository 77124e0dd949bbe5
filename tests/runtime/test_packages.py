"""Packages that do not fit: each is refused with its own status and sentence."""

from __future__ import annotations

import os

import pytest

from dpc.targets import parse_target
from dpc.targets.cpu import runs_here
from tests.runtime.fake_package import facts_of, manifest_bytes, params, write_package

OK, ARGUMENT, FILE, DEVICE, MEMORY, LIMIT, NUMERIC = range(7)
UNVERIFIED, STRICT = 1, 2


@pytest.fixture
def opened(programs):
    """`opened(path, flags)`: status and message of opening it and evaluating two atoms."""

    def call(path, flags=0, threads=1):
        words = programs("asan").run("open", path, flags, threads).split(" ", 1)
        return int(words[0]), words[1].strip()

    return call


def test_good(opened, package):
    assert opened(package)[0] == OK
    assert opened(package, UNVERIFIED)[0] == OK
    assert opened(f"{package}/")[0] == OK


def test_older_entry(opened, hosts, tmp_path):
    """A package made before entries could name a device."""
    host = hosts("asan", size="offsetof(dpc_model_abi,device)")
    assert opened(write_package(tmp_path / "old.dpc", host))[0] == OK


HOSTS = [
    ({"abi": "2"}, FILE, "host.so was made for ABI 2, this libdpc reads 1"),
    ({"abi": "0"}, FILE, "made for ABI 0"),
    ({"isa": '"x86-64-v9"'}, DEVICE, "made for x86-64-v9, but this processor is"),
    ({"isa": '"x86-64-v4+bf16+"'}, DEVICE, "made for x86-64-v4+bf16+, but this processor is"),
    ({"isa": '"x86-64-v2+bf8"'}, DEVICE, "made for x86-64-v2+bf8, but this processor is"),
    ({"isa": '"+bf16"'}, DEVICE, "made for +bf16, but this processor is"),
    ({"ntypes": "3"}, FILE, "it has other types"),
    ({"tile_atoms": "0"}, FILE, "its tiles hold no atom"),
    ({"params_bytes": "64"}, FILE, "params.safetensors is not its own"),
    ({"size": "16"}, FILE, "its entry is too short"),
    ({"no_entry": "1"}, FILE, "has no dpc_model_entry"),
    ({"factor": "NAN"}, NUMERIC, "the force of atom 0 (counted from 0) is "),
    ({"code": "7"}, DEVICE, "host.so failed with code 7"),
]


@pytest.mark.parametrize(("switches", "status", "words"), HOSTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_host(opened, hosts, tmp_path, switches, status, words, threads):
    path = write_package(tmp_path / "odd.dpc", hosts("asan", **switches))
    found, message = opened(path, threads=threads)
    assert (found, words in message) == (status, True), message


@pytest.mark.parametrize("arch", ["x86-64-v4+bf16", "x86-64-v4+bf16+amx"])
def test_features_must_be_there(opened, hosts, tmp_path, arch):
    path = write_package(tmp_path / "odd.dpc", hosts("asan", isa=f'"{arch}"'))
    status, message = opened(path)
    assert status == (OK if runs_here(parse_target(f"cpu:{arch}")) else DEVICE), message


def test_warnings(opened, hosts, tmp_path):
    path = write_package(tmp_path / "odd.dpc", hosts("asan", sel="0", close="1.5"))
    assert opened(path)[1].endswith("warnings 3, 2 beyond sel, 2 too close")
    assert opened(path, STRICT) == (
        LIMIT,
        "2 neighbours are more than the model's sel holds: it keeps the nearest. "
        "Train with a larger sel",
    )
    path = write_package(tmp_path / "close.dpc", hosts("asan", close="1.5"))
    assert opened(path, STRICT)[0] == NUMERIC


MANIFESTS = [
    ({"format": 2}, FILE, "made for format 2, this libdpc reads 1. Install a newer dpc"),
    ({"format": 0}, FILE, "Compile the model again"),
    ({"abi": 2}, FILE, "made for ABI 2, this libdpc reads 1"),
    ({"abi": "1"}, FILE, "'abi' must be a whole number"),
    ({"format": 1.5}, FILE, "'format' must be a whole number"),
    ({"model": 3}, FILE, "'model' must be an object"),
    ({"target": {"kind": "metal", "arch": "m4", "precision": "f32"}}, DEVICE, "'metal'"),
    ({"target": {"kind": "cpu", "arch": "aarch64", "precision": "f64"}}, DEVICE, "for aarch64"),
    ({"target": {"kind": "cpu", "precision": "f64"}}, FILE, "'arch' must be a string"),
    ({"files": []}, FILE, "'files' must be an object"),
    ({"files": {}}, FILE, "does not name bin/host.so"),
    ({"files": {"../x": {"size": 0, "sha256": "0" * 64}}}, FILE, "inside the package"),
    ({"files": {"/etc/passwd": {"size": 0, "sha256": "0" * 64}}}, FILE, "inside the package"),
    ({"files": {"a//b": {"size": 0, "sha256": "0" * 64}}}, FILE, "inside the package"),
    ({"files": {"a": {"size": -1, "sha256": "0" * 64}}}, FILE, "'size' must be"),
    ({"files": {"a": {"size": 0, "sha256": "0" * 63}}}, FILE, "'sha256' must be"),
    ({"files": {"a": {"size": 0, "sha256": "0" * 64}}}, FILE, "a: No such file"),
    ({"files": {"bin": {"size": 0, "sha256": "0" * 64}}}, FILE, "bin: is not a regular file"),
]
MODELS = [
    ({"type_map": []}, "'type_map'"),
    ({"type_map": ["O", ""]}, "'type_map'"),
    ({"type_map": ["O", "O"]}, "a list of different names"),
    ({"type_map": ["O", 1]}, "'type_map'"),
    ({"type_map": ["O"]}, "it has other types"),
    ({"rcut": 0}, "'rcut'"),
    ({"rcut": "6"}, "'rcut'"),
    ({"rcut": -1}, "'rcut'"),
    ({"fparam": -1}, "'fparam'"),
    ({"fparam": 1e10}, "'fparam'"),
    ({"outputs": ["dipole"]}, "'outputs'"),
    ({"name": None}, "'name'"),
]


@pytest.mark.parametrize(("facts", "status", "words"), MANIFESTS)
def test_manifest(opened, hosts, tmp_path, facts, status, words):
    path = write_package(tmp_path / "odd.dpc", hosts("asan"), facts=facts)
    found, message = opened(path)
    assert (found, words in message) == (status, True), message
    assert message.startswith(("odd.dpc: ", f"{path}: "))


@pytest.mark.parametrize(("model", "words"), MODELS)
def test_model(opened, hosts, tmp_path, model, words):
    found, message = opened(write_package(tmp_path / "odd.dpc", hosts("asan"), **model))
    assert (found, words in message) == (FILE, True), message


def test_remedy_is_a_command(opened, hosts, tmp_path):
    path = write_package(tmp_path / "water.dpc", hosts("asan"), facts={"abi": 2})
    assert opened(path)[1] == (
        "water.dpc: made for ABI 2, this libdpc reads 1. Install a newer dpc, or compile the "
        "model again with this one:\n    dpc compile model.pt --target cpu -o water.dpc"
    )


def test_not_a_package(opened, tmp_path):
    status, message = opened(tmp_path / "none.dpc")
    assert status == FILE and "no such package" in message
    (tmp_path / "model.pt").write_bytes(b"PK")
    status, message = opened(tmp_path / "model.pt")
    assert status == FILE and "is not a compiled package" in message
    assert "dpc compile" in message
    (tmp_path / "empty.dpc").mkdir()
    status, message = opened(tmp_path / "empty.dpc")
    assert status == FILE and "manifest.json: No such file" in message


def test_special_files(opened, package):
    """A pipe is refused, not waited for; a link is followed, as in a model hub's cache."""
    report = package / "report.json"
    moved = report.rename(package / "moved.json")
    report.symlink_to(moved)
    assert opened(package)[0] == OK
    report.unlink()
    os.mkfifo(report)
    assert opened(package) == (
        FILE,
        f"{package}: report.json: is not a regular file. Compile or copy the package again",
    )


def test_files_the_manifest_does_not_name(opened, package):
    (package / "notes.txt").write_text("mine")
    assert opened(package)[0] == OK


def test_unverified_checks_sizes_only(opened, package):
    program = package / "program.dpir"
    program.write_bytes(program.read_bytes().swapcase())
    assert opened(package)[0] == FILE
    assert opened(package, UNVERIFIED)[0] == OK
    program.write_bytes(b"")
    assert opened(package, UNVERIFIED)[0] == FILE


def test_not_a_library(opened, package):
    (package / "bin/host.so").write_bytes(b"\x7fELF nonsense")
    files = {name: (package / name).read_bytes() for name in ("bin/host.so", "params.safetensors")}
    (package / "manifest.json").write_bytes(manifest_bytes(facts_of(files)))
    status, message = opened(package)
    assert status == FILE and "bin/host.so cannot be loaded" in message


def test_empty_file_and_many_names(opened, hosts, tmp_path):
    host = hosts("asan")
    path = write_package(tmp_path / "a.dpc", host, extra={"empty": b"", "x/y/z": params()})
    assert opened(path)[0] == OK


def test_long_path(opened, hosts, tmp_path):
    """Names of hundreds of letters neither overflow a message nor hide its reason."""
    path = tmp_path / ("deep" * 50) / ("x" * 200 + ".dpc")
    write_package(path, hosts("asan"), facts={"abi": 7})
    status, message = opened(path)
    assert status == FILE and "made for ABI 7" in message and len(message) < 512
