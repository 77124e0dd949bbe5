"""The system C compiler: found, named when missing, quoted when it fails."""

import platform

import pytest

from dpc.backends.host.cc import compile_shared, find_compiler
from dpc.errors import ToolError
from dpc.targets import parse_target

HERE = parse_target("cpu")
SOURCE = b"""
__attribute__((visibility("default"))) const int dpc_model_entry = 7;
int not_exported(void) { return 7; }
"""


def test_the_compiler_of_the_user_is_taken(monkeypatch):
    monkeypatch.setenv("CC", "gcc -pipe")
    assert find_compiler(HERE) == ["gcc", "-pipe"]
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(ToolError, match="CC is 'no-such-cc', but there is no such program"):
        find_compiler(HERE)


def test_a_missing_compiler_is_named_with_its_package(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match="apt install gcc"):
        find_compiler(HERE)
    other = "aarch64" if platform.machine() == "x86_64" else "x86-64-v2"
    with pytest.raises(ToolError, match="-linux-gnu-gcc.*apt install gcc-"):
        find_compiler(parse_target(f"cpu:{other}"))


def test_a_library_has_the_same_bytes_each_time():
    first, second = (
        compile_shared(HERE, {"plan.c": SOURCE}, "plan.c", [], "host.so") for _ in range(2)
    )
    assert first == second and first[:4] == b"\x7fELF"
    assert b"not_exported" not in first


def test_what_the_compiler_said_is_quoted():
    with pytest.raises(ToolError, match="C compiler failed.*\n.*plan.c.*\n(.*\n)*.*nonsense"):
        compile_shared(HERE, {"plan.c": b"int f(void) { nonsense; }"}, "plan.c", [], "host.so")


def test_undefined_symbols_are_errors():
    source = b'int f(void); __attribute__((visibility("default"))) int dpc_model_entry(void)'
    with pytest.raises(ToolError, match="undefined reference to `f'"):
        compile_shared(HERE, {"plan.c": source + b"{ return f(); }"}, "plan.c", [], "host.so")
