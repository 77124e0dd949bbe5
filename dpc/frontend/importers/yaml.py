"""DeePMD-kit's .yaml model files: the model tree as text.

Below `@variables` an array is {"@class": "np.ndarray", "@is_variable": true, "@version": 1,
"dtype": "float64", "value": nested lists}. The text repeats lists by YAML's anchors.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.importers.dp import map_variables
from dpc.frontend.importers.tree import read_tree
from dpc.frontend.importers.tree_write import write_tree
from dpc.frontend.library import library
from dpc.frontend.model_file import ModelFile

_DTYPES = ("float64", "float32", "int64", "int32")
_MAX_ELEMENTS = 1 << 28
_MAX_INDENT, _MAX_FLOW = 200, 64  # a model reaches 40 and 2


def read(path: Path) -> ModelFile:
    """Read a .yaml file; see `tree` for what is in it."""
    source = str(path)
    yaml = library("yaml", "pyyaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times faster
    try:
        text = path.read_text(encoding="utf-8")
        if _is_deep(text):
            raise ValueError("it is nested far deeper than a model")
        tree = yaml.load(text, loader)
        tree = _with_arrays(tree, {}, source)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, MemoryError) as error:
        lines = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source}: not a YAML model file, or damaged ({lines[:200]})") from error
    if not isinstance(tree, dict) or "model" not in tree:
        raise InputError(f"{source}: a YAML file without a DeePMD-kit model (no key 'model')")
    model = tree["model"]
    if isinstance(model, dict) and "fitting_net" in model and "fitting" not in model:
        raise InputError(
            f"{source}: an input for training, which holds options but no weights. "
            "Give the model that was trained with it"
        )
    if "version" not in tree:  # DeePMD-kit sorts the keys: this is the last one
        raise InputError(f"{source}: the file is cut off, its last key 'version' is missing")
    return read_tree(tree, source)


def _is_deep(text: str) -> bool:
    """Whether the text nests so deeply that libyaml, which recurses in C, would crash.

    Blocks nest by indentation (or dashes on one line), flows by brackets.
    """
    if any(len(m.group()) > _MAX_INDENT for m in re.finditer(r"^[ \t?:-]+", text, re.MULTILINE)):
        return True
    depth = 0
    for bracket in re.finditer(r"[][{}]", text):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > _MAX_FLOW:
            return True
    return False


def _with_arrays(node: Any, done: dict[int, Any], source: str) -> Any:
    """The tree with arrays for their descriptions. `done` keeps repeated parts shared."""
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, dict):
        if node.get("@class") == "np.ndarray":
            result: Any = _array(node, source)
        else:
            result = {key: _with_arrays(value, done, source) for key, value in node.items()}
            variables = result.get("@variables")
            if isinstance(variables, dict):  # a single number may stand for itself
                for key, value in variables.items():
                    if isinstance(value, float):
                        variables[key] = np.asarray(value)
    elif isinstance(node, list):
        result = [_with_arrays(value, done, source) for value in node]
    else:
        return node
    done[id(node)] = result
    return result


def _array(node: dict[str, Any], source: str) -> np.ndarray:
    dtype, value = node.get("dtype"), node.get("value")
    if dtype not in _DTYPES:
        raise InputError(f"{source}: an array of dtype {dtype!r}, expected {' or '.join(_DTYPES)}")
    shape: list[int] = []
    inner = value
    while isinstance(inner, list) and len(shape) < 8:
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if math.prod(shape) > _MAX_ELEMENTS:
        raise InputError(f"{source}: an array of shape {shape} is too large to be a model's")
    return np.asarray(value, dtype=dtype)


def write(model_file: ModelFile, path: Path) -> None:
    """Write a .yaml file that DeePMD-kit 3.2 reads; the same model gives the same bytes."""
    yaml = library("yaml", "pyyaml")
    tree = map_variables(write_tree(model_file), _described)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump(tree, Dumper=dumper), encoding="utf-8")


def _described(array: np.ndarray) -> Any:
    if array.ndim == 0:
        return float(array)
    return {
        "@class": "np.ndarray",
        "@is_variable": True,
        "@version": 1,
        "dtype": array.dtype.name,
        "value": array.tolist(),
    }
