"""Compiling libraries into the cache."""

from __future__ import annotations

import ctypes
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from dpc import native
from dpc.errors import ToolError

if shutil.which("gcc") is None:
    pytest.skip("gcc is not installed: apt install gcc", allow_module_level=True)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A C file with a header beside it, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "answer.h").write_text("#define ANSWER 42\n")
    path = tmp_path / "answer.c"
    path.write_text(
        '#include "answer.h"\n'
        '__attribute__((visibility("default"))) int answer(void) { return ANSWER; }\n'
    )
    return path


def answer(path):
    return ctypes.CDLL(str(path)).answer()


def test_built_once(source):
    first = native.build_shared("answer.so", [source])
    assert first.name == "answer.so" and answer(first) == 42
    stamp = first.stat().st_mtime_ns
    assert native.build_shared("answer.so", [source]) == first
    assert first.stat().st_mtime_ns == stamp


def test_built_again_when_anything_changes(source, tmp_path):
    made = {native.build_shared("answer.so", [source])}
    made.add(native.build_shared("answer.so", [source], flags=["-O1"]))
    (tmp_path / "answer.h").write_text("#define ANSWER 43\n")
    made.add(native.build_shared("answer.so", [source]))
    made.add(native.build_shared("other.so", [source]))
    assert len(made) == 4
    assert sorted(answer(path) for path in made) == [42, 42, 43, 43]


def test_many_at_once(source):
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: native.build_shared("answer.so", [source]), range(4)))
    assert len(set(paths)) == 1
    assert [p.name for p in paths[0].parent.parent.iterdir()] == [paths[0].parent.name]


def test_error_shows_the_compiler(source):
    source.write_text("int answer(void) { return nothing; }\n")
    with pytest.raises(ToolError, match="(?s)answer.so does not compile.*nothing"):
        native.build_shared("answer.so", [source])
    assert not list(source.parent.glob("cache/dpc/*"))


def test_cxx(source, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: apt install g++")
    path = tmp_path / "answer.cpp"
    path.write_text('extern "C" [[gnu::visibility("default")]] int answer() { return 7; }\n')
    assert answer(native.build_shared("answer.so", [path], language="c++")) == 7


def test_missing_compiler(source, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(ToolError, match="CC is 'no-such-compiler -m64'"):
        native.build_shared("answer.so", [source])
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt install gcc"):
        native.build_shared("answer.so", [source])


def test_home_that_cannot_be_written(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(native.tempfile, "gettempdir", lambda: str(temporary))
    path = native.build_shared("answer.so", [source])
    assert path.parent.parent == temporary / f"dpc-{os.getuid()}"
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700


def test_cache_that_others_write_is_not_trusted(source, tmp_path, monkeypatch):
    path = native.build_shared("answer.so", [source])
    path.parent.parent.chmod(0o777)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(native.tempfile, "gettempdir", lambda: str(temporary))
    assert temporary in native.build_shared("answer.so", [source]).parents
