"""Products of bfloat16 summed in float32: the helpers that TVM's IR has no words for.

Two bfloat16 of neighbouring features share the 32 bits of a float32 lane, the even feature
in the low half. vdpbf16ps adds both products to a float32 sum. TVM cannot name the type, so
pairs travel as float32 lanes and two small LLVM functions, inlined everywhere, do the rest.
"""

from __future__ import annotations

import numpy as np

from dpc.backends.tvm import compat
from dpc.backends.tvm.kernels.emitter import Emitter, Vector

LANES = 16
_ORDER = ", ".join(f"i32 {i // 2 + LANES * (i % 2)}" for i in range(2 * LANES))

HELPERS = f"""
declare <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float>, <32 x bfloat>, <32 x bfloat>)

define available_externally <16 x float> @dpc_bf16_dot(
    <16 x float> %sum, <16 x float> %x, <16 x float> %w) alwaysinline nounwind #0 {{
  %a = bitcast <16 x float> %x to <32 x bfloat>
  %b = bitcast <16 x float> %w to <32 x bfloat>
  %r = call <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(
      <16 x float> %sum, <32 x bfloat> %a, <32 x bfloat> %b)
  ret <16 x float> %r
}}

define available_externally <16 x float> @dpc_bf16_pair(
    <16 x float> %even, <16 x float> %odd) alwaysinline nounwind #0 {{
  %a = fptrunc <16 x float> %even to <16 x bfloat>
  %b = fptrunc <16 x float> %odd to <16 x bfloat>
  %s = shufflevector <16 x bfloat> %a, <16 x bfloat> %b, <32 x i32> <{_ORDER}>
  %r = bitcast <32 x bfloat> %s to <16 x float>
  ret <16 x float> %r
}}

define available_externally <16 x float> @dpc_bf16_beyond_even(
    <16 x float> %even, <16 x float> %pair) alwaysinline nounwind #0 {{
  %p = bitcast <16 x float> %pair to <16 x i32>
  %a = shl <16 x i32> %p, splat (i32 16)
  %b = bitcast <16 x i32> %a to <16 x float>
  %r = fsub <16 x float> %even, %b
  ret <16 x float> %r
}}

define available_externally <16 x float> @dpc_bf16_beyond_odd(
    <16 x float> %odd, <16 x float> %pair) alwaysinline nounwind #0 {{
  %p = bitcast <16 x float> %pair to <16 x i32>
  %a = and <16 x i32> %p, splat (i32 -65536)
  %b = bitcast <16 x i32> %a to <16 x float>
  %r = fsub <16 x float> %odd, %b
  ret <16 x float> %r
}}

attributes #0 = {{ "target-cpu"="x86-64-v4" "target-features"="+avx512bf16" }}
"""


def dot(emit: Emitter, total: Vector, x: Vector, w: Vector) -> Vector:
    """total + both products of the pairs x and w."""
    return compat.helper(emit.vector_type(), "dpc_bf16_dot", total, x, w)


def pair(emit: Emitter, even: Vector, odd: Vector) -> Vector:
    """Two vectors rounded to bfloat16, side by side in every lane."""
    return compat.helper(emit.vector_type(), "dpc_bf16_pair", even, odd)


def beyond(emit: Emitter, even: Vector, odd: Vector, pairs: Vector) -> tuple[Vector, Vector]:
    """What rounding two vectors to `pairs` left of each; exact."""
    return (
        emit.let(compat.helper(emit.vector_type(), "dpc_bf16_beyond_even", even, pairs)),
        emit.let(compat.helper(emit.vector_type(), "dpc_bf16_beyond_odd", odd, pairs)),
    )


def round_to_bf16(numbers: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of each number, ties to even, as uint16."""
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(numbers), 0x7FC0, rounded).astype(np.uint16)


def widen_bf16(bits: np.ndarray) -> np.ndarray:
    """The numbers that `round_to_bf16` gave the bits of."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def pack_pairs(weight: np.ndarray) -> np.ndarray:
    """[K, N] to [ceil(K/2), N] pairs of neighbouring k, as float32 that mean nothing alone."""
    rounded = np.pad(round_to_bf16(weight), ((0, len(weight) % 2), (0, 0))).astype(np.uint32)
    return (rounded[0::2] | rounded[1::2] << 16).view(np.float32)
