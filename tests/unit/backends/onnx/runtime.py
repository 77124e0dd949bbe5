"""ONNX Runtime as the second evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime


def session(model: onnx.ModelProto | str, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on the CPU; `model` is a model or the path of one."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads, options.intra_op_num_threads = 1, threads
    source = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(
    model: onnx.ModelProto | onnxruntime.InferenceSession, inputs: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Every output by name."""
    live = session(model) if isinstance(model, onnx.ModelProto) else model
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
