"""ONNX Runtime as the second evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def session(model: Any) -> Any:
    """A session on one thread of the CPU; `model` is a ModelProto or a path."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    source = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(model: Any, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every output by name."""
    live = session(model) if not hasattr(model, "run") else model
    names = [output.name for output in live.get_outputs()]
    return dict(zip(names, live.run(names, inputs), strict=True))


def close(got: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    """Equal names, dtypes and shapes; numbers within the tolerance."""
    assert got.keys() == expected.keys()
    for name, want in expected.items():
        have = got[name]
        assert have.dtype == want.dtype and have.shape == want.shape, name
        if want.size:
            error = np.max(np.abs(have - want) / np.maximum(1, np.abs(want)))
            assert error <= tolerance, f"{name} is off by {error:.2e}"
