"""libdpc as others use it: installed by CMake, found by CMake and pkg-config, from C++."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from dpc import native
from tests.runtime.conftest import SANITIZERS, WARNINGS
from tests.runtime.fake_package import RUNTIME, write_package

CONSUMER = """\
cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(dpc 0.1 REQUIRED)
add_executable(consumer open.c)
target_link_libraries(consumer PRIVATE dpc::dpc m)
"""


def run(*command: object, **environment: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installed tree, moved after the installation: nothing in it knows where it was."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed: apt install cmake")
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "-S", RUNTIME, "-B", folder / "build")
    run("cmake", "--build", folder / "build")
    run("cmake", "--install", folder / "build", "--prefix", folder / "first")
    shutil.rmtree(folder / "build")
    return (folder / "first").rename(folder / "moved")


@pytest.fixture
def plain(tmp_path, hosts):
    return write_package(tmp_path / "fake.dpc", hosts("plain"))


@pytest.fixture
def sources(tmp_path):
    """A project of somebody else's: one C file with its header."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("open.c", "check.h"):
        shutil.copy(RUNTIME / "tests" / name, folder)
    return folder


def test_cmake(installed, sources, plain):
    (sources / "CMakeLists.txt").write_text(CONSUMER)
    build = sources / "build"
    run("cmake", "-S", sources, "-B", build, f"-DCMAKE_PREFIX_PATH={installed}")
    run("cmake", "--build", build)
    assert run(build / "consumer", plain).startswith("0 ")


def test_pkg_config(installed, sources, plain):
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed: apt install pkg-config")
    pc = next(installed.rglob("dpc.pc"))
    flags = run("pkg-config", "--cflags", "--libs", "dpc", PKG_CONFIG_PATH=str(pc.parent)).split()
    program = sources / "consumer"
    run("gcc", sources / "open.c", *flags, "-lm", "-o", program)
    libraries = str(next(installed.rglob("libdpc.so")).parent)
    assert run(program, plain, LD_LIBRARY_PATH=libraries).startswith("0 ")


def test_headers_are_installed(installed):
    names = {path.name for path in (installed / "include").iterdir()}
    assert names == {"dpc.h", "dpc.hpp", "dpc_model.h"}


def test_exports_and_needs(installed):
    """Eight functions, and nothing but the C library."""
    library = next(installed.rglob("libdpc.so"))
    exported = re.findall(r" T (\w+)", run("nm", "-D", "--defined-only", library))
    declared = re.findall(
        r"\bDPC_PUBLIC [^;]*?(dpc_\w+)\(", (RUNTIME / "include/dpc.h").read_text()
    )
    assert sorted(exported) == sorted(declared)
    needed = set(re.findall(r"NEEDED.*\[(\w+)", run("readelf", "-d", library)))
    assert needed <= {"libc", "libm", "libdl", "libpthread"}


def test_cpp(tmp_path, programs, hosts):
    """dpc.hpp, under the address sanitizer."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: apt install g++")
    asan = programs("asan")
    asan.path("open")  # makes the objects
    program = tmp_path / "test_hpp"
    objects = asan.folder.glob("*.o")
    source = RUNTIME / "tests" / "test_hpp.cpp"
    run("g++", "-std=c++17", *SANITIZERS["asan"], *WARNINGS, *asan.include, source, *objects,
        "-pthread", "-ldl", "-o", program)  # fmt: skip
    run(program, write_package(tmp_path / "fake.dpc", hosts("asan")))


def test_header_alone(tmp_path):
    """dpc.h and dpc_model.h are C99 and C++11 by themselves."""
    for header in ("dpc.h", "dpc_model.h"):
        for compiler, standard, suffix in (("gcc", "c99", "c"), ("g++", "c++11", "cpp")):
            if shutil.which(compiler) is None:
                continue
            source = tmp_path / f"one.{suffix}"
            source.write_text(f'#include "{header}"\nint main(void) {{ return 0; }}\n')
            run(compiler, f"-std={standard}", *WARNINGS, f"-I{RUNTIME / 'include'}",
                "-fsyntax-only", source)  # fmt: skip


def test_opening_takes_milliseconds(tmp_path, hosts, programs):
    """10 MB, digests checked."""
    import time

    path = write_package(tmp_path / "a.dpc", hosts("plain"), extra={"big": os.urandom(10 << 20)})
    from dpc.md import Potential

    native.libdpc()
    best = min(_open_time(Potential, path, time.perf_counter) for _ in range(5))
    assert best < 0.05, f"{1e3 * best:.1f} ms"


def _open_time(potential, path, clock):
    start = clock()
    potential(path).close()
    return clock() - start
