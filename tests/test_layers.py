"""Who may import whom: the arrows of docs/explain/architecture.md, section 1."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "dpc"
MODULES = sorted(ROOT.rglob("*.py"))

EVERYONE = {"errors", "registry", "units", "__init__"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "registry": {"errors"},
    "units": set(),
    "ir": set(),
    "config": set(),
    "data": {"ir", "native"},
    "targets": set(),
    "passes": {"ir", "targets"},
    "frontend": {"ir", "data", "config", "native"},
    "backends": {"ir", "native", "targets", "passes", "package"},
    "boards": {"backends", "data", "ir", "package"},
    "package": {"ir"},
    "pages": {"data", "package"},
    "native": set(),
    "lammps": {"native"},
    "md": {"package", "data", "native"},
    "bench": {"cost", "data", "frontend", "lammps", "md", "native", "package", "targets"},
    "cost": {"ir", "native", "passes", "targets"},
    "compiler": {"backends", "cost", "data", "frontend", "ir", "package", "passes", "targets"},
    "cli": {"backends", "bench", "compiler", "config", "cost", "data", "frontend", "ir", "lammps",
            "md", "native", "package", "pages", "passes", "targets"},
    "__main__": {"cli"},
    "__init__": set(),
}  # fmt: skip
# heavy packages, and the parts that may know them; anywhere else only inside functions
ONLY_IN = {"torch": {"frontend"}, "tvm": {"backends"}, "onnx": {"backends"},
           "hls4ml": {"backends"}, "pynq": {"boards"}, "h5py": {"frontend", "data"}}  # fmt: skip


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[str, int]]:
    """Absolute names of imported modules, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name == "dpc":  # from dpc import errors
                yield from ((f"dpc.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield name, node.lineno


def part(path: Path) -> str:
    """The part of dpc a file belongs to: its folder or its own name."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports(path: Path) -> None:
    own = part(path)
    assert own in ARROWS, f"{own} is new: say in tests/test_layers.py what it may import"
    package = ["dpc", *path.relative_to(ROOT).parts[:-1]]
    wrong = []
    for name, line in imports(ast.parse(path.read_text()), package):
        words = name.split(".")
        if words[0] != "dpc":
            if words[0] in ONLY_IN and own not in ONLY_IN[words[0]]:
                wrong.append(f"line {line}: {own} must not know {words[0]}")
            continue
        other = words[1] if len(words) > 1 else "__init__"
        other = "__init__" if other == "__version__" else other
        if other != own and other not in EVERYONE | ARROWS[own]:
            wrong.append(f"line {line}: {own} must not import {other}")
    assert not wrong, f"{path.relative_to(ROOT.parent)}: {'; '.join(wrong)}"


def test_ir_needs_only_numpy() -> None:
    standard = {"__future__", "abc", "ast", "collections", "dataclasses", "difflib", "enum",
                "functools", "math", "re", "typing", "importlib", "pkgutil"}  # fmt: skip
    for path in (ROOT / "ir").rglob("*.py"):
        for name, line in imports(ast.parse(path.read_text()), []):
            top = name.split(".")[0]
            assert top in standard | {"dpc", "numpy"}, f"{path}:{line}: ir must not import {name}"


def test_the_reader_of_imports() -> None:
    text = "from dpc.frontend import model\nfrom ..passes import base\ndef f():\n    import torch\n"
    found = {name for name, _ in imports(ast.parse(text), ["dpc", "ir"])}
    assert found == {"torch", "dpc.frontend", "dpc.passes"}
    assert list(imports(ast.parse("from dpc import errors"), [])) == [("dpc.errors", 1)]
