"""runtime/tests/*.c, plain and under the address, undefined and thread sanitizers."""

from __future__ import annotations

import pytest

from tests.runtime.fake_package import write_package


@pytest.mark.parametrize("sanitizer", ["plain", "asan"])
def test_parts(programs, sanitizer):
    programs(sanitizer).run("test_parts")


@pytest.mark.parametrize("name", ["test_neighbors", "test_errors"])
@pytest.mark.parametrize("sanitizer", ["plain", "asan"])
def test_program(programs, hosts, tmp_path, name, sanitizer):
    package = write_package(tmp_path / "fake.dpc", hosts(sanitizer))
    programs(sanitizer).run(name, package)


@pytest.mark.parametrize("parameters", [0, 1])
@pytest.mark.parametrize("sanitizer", ["plain", "asan", "tsan"])
def test_evaluate(programs, hosts, tmp_path, sanitizer, parameters):
    """With frame and atomic parameters and without."""
    host = hosts(sanitizer)
    package = write_package(tmp_path / "fake.dpc", host, fparam=parameters, aparam=parameters)
    programs(sanitizer).run("test_evaluate", package)


def test_nothing_is_allocated_in_a_steady_step(programs, hosts, tmp_path):
    programs("plain").run("test_steady", write_package(tmp_path / "fake.dpc", hosts("plain")))


def test_every_damaged_byte_is_refused(programs, package):
    files = ["manifest.json", "params.safetensors", "bin/host.so", "program.dpir", "report.json"]
    programs("asan").run("fuzz", package, *files, timeout=600)


@pytest.mark.parametrize("sanitizer", ["plain", "asan"])
def test_fpga_driver(programs, tmp_path, sanitizer):
    """Cards that hang, fail, answer short or are others; systems cut into blocks."""
    programs(sanitizer).run("test_fpga", tmp_path)
