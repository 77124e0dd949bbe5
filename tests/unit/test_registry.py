"""The registry, and words of errors."""

from __future__ import annotations

import pytest

from dpc.errors import DpcError, UsageError, all_problems, did_you_mean
from dpc.registry import Registry


def test_names_aliases_and_suggestions() -> None:
    registry: Registry[type] = Registry("animal", "dpc.ir.ops")

    @registry.register("cat", aliases=("puss",))
    class Cat:
        pass

    assert registry.get("cat") is registry.get("puss") is Cat
    assert "cat" in registry and "puss" in registry and "dog" not in registry
    assert registry.names() == ["cat"]
    with pytest.raises(
        UsageError, match="no animal is called 'cta'.*Did you mean 'cat'.*Known: cat"
    ):
        registry.get("cta")


def test_two_owners() -> None:
    registry: Registry[type] = Registry("animal", "dpc.ir.ops")
    registry.add("cat", int)
    registry.add("cat", int)
    with pytest.raises(
        DpcError, match=r"'cat' is registered twice: by builtins.int and by builtins.str"
    ):
        registry.add("cat", str)


def test_words() -> None:
    assert did_you_mean("neurons", ["neuron", "sel"]) == " Did you mean 'neuron'?"
    assert did_you_mean("xyz", ["neuron", "sel"]) == ""
    assert all_problems("a.json", ["x is 1"]) == "a.json: x is 1"
    assert all_problems("a.json", ["x", "y"]) == "a.json: 2 problems\n    x\n    y"
