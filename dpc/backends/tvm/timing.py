"""How long the kernel of a net takes on this machine: built, linked, called, measured."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dpc.backends.host.cc import SYMBOL, compile_shared
from dpc.backends.tvm.build import build_kernels
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.spec import C_TYPES
from dpc.backends.tvm.tuning import Tuning
from dpc.targets import Target
from dpc.targets.target import ALIGNMENT, ITEM_BYTES

SECONDS = 0.02  # of one measurement, about
ROUNDS = 12  # in it: the best counts, since others only disturb

SOURCE = """\
/* The thread's own seconds for one call: the best of some rounds. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernels.h"

static double now(void) {{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}}

__attribute__((visibility("default"))) double {entry}(int rounds, int calls, const {c} *d,
                                                      const {c} *w, {c} *e, {c} *dd, {c} *work) {{
#if defined(__x86_64__)
  syscall(SYS_arch_prctl, 0x1023, 18); /* may this process use AMX: refused where there is none */
#endif
  double best = 1e30;
  for (int r = 0; r < rounds; r++) {{
    const double start = now();
    for (int k = 0; k < calls; k++) {symbol}(d, w, e, dd, work);
    const double seconds = (now() - start) / calls;
    best = seconds < best ? seconds : best;
  }}
  return best;
}}
"""


def timer(spec: GradientSpec, target: Target, tuning: Tuning) -> Callable[[], float]:
    """A function that measures: seconds of one call, for one tile, on numbers made here."""
    kernels = build_kernels([spec], target, tuning)
    text = SOURCE.format(entry=SYMBOL, c=C_TYPES[spec.dtype], symbol=spec.symbols()[0])
    files = {
        "time.c": text.encode(),
        "kernels.h": kernels.header.encode(),
        "kernels.o": kernels.object_bytes,
    }
    library = compile_shared(target, files, "time.c", ["kernels.o"], "time.so")
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(library)
        file.flush()
        call = ctypes.CDLL(str(Path(file.name)))[SYMBOL]
    call.restype = ctypes.c_double
    arrays = _arrays(spec, target)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
    once = call(1, 1, *pointers)  # brings everything into the caches
    calls = max(1, round(SECONDS / ROUNDS / max(once, 1e-9)))

    def measure() -> float:
        assert arrays  # kept alive
        return float(call(ROUNDS, calls, *pointers))

    return measure


def _arrays(spec: GradientSpec, target: Target) -> list[np.ndarray]:
    """d, w, e, dd, work: random weights of a trained net's size, aligned."""
    rng = np.random.default_rng(0)
    tile = target.tile_atoms(spec.dtype, spec.vectors)
    inputs = spec.layers[0].inputs
    weights = {}
    for k, layer in enumerate(spec.layers):
        shape = (layer.inputs, layer.outputs)
        weights[f"{k}.weight"] = (rng.normal(size=shape) / np.sqrt(sum(shape))).astype(spec.dtype)
        weights[f"{k}.bias"] = rng.normal(size=layer.outputs).astype(spec.dtype)
        if layer.timestep:
            weights[f"{k}.idt"] = np.full(layer.outputs, 0.1, spec.dtype)
    rows = -(-inputs // 8) * 8
    values = [
        rng.normal(size=rows * tile).astype(spec.dtype),
        spec.pack(weights).ravel(),
        np.zeros(tile, spec.dtype),
        np.zeros(rows * tile, spec.dtype),
        np.zeros(spec.work_bytes(target) // ITEM_BYTES[spec.dtype], spec.dtype),
    ]
    return [_aligned(value) for value in values]


def _aligned(array: np.ndarray) -> np.ndarray:
    """The same numbers from an address that kernels take."""
    raw = np.zeros(array.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    view = raw[start : start + array.nbytes].view(array.dtype)
    view[:] = array
    return view
