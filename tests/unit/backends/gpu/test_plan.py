"""The plan of a step: arrays, pairs of columns, one text in three languages."""

import numpy as np

from dpc.backends.gpu.descriptor import partners_of
from dpc.backends.gpu.memory import _life, bytes_per_center, share_arrays
from dpc.backends.gpu.source import kernel_text


def test_arrays_in_use_together_have_memory_of_their_own(make_plan):
    plan = make_plan("se_e2_a", "opencl")
    shared = share_arrays(plan)
    assert sorted(n for one in shared for n in one.names) == sorted(plan.arrays)
    for one in shared:
        lives = sorted(_life(plan, name) for name in one.names)
        for (_, end), (start, _) in zip(lives, lives[1:], strict=False):
            assert end < start, one.names
        assert all(plan.arrays[n].sizes.get("center", 0) <= one.sizes.get("center", 0)
                   for n in one.names)  # fmt: skip
    alone = sum(a.sizes.get("center", 0) for a in plan.arrays.values())
    assert 0 < bytes_per_center(plan) < alone


def test_sums_over_chunks_share_no_memory(make_plan):
    plan = make_plan("se_e2_a", "opencl")
    for one in share_arrays(plan):
        if any(plan.arrays[name].kept for name in one.names):
            assert len(one.names) == 1


def test_one_text_for_every_language(make_plan):
    """Only the words at the beginning differ, and the vendor's own line of options none."""
    plan = make_plan("se_e2_a", "opencl")
    bodies = set()
    for language in ("opencl", "cuda", "hip"):
        text = kernel_text(plan, language)
        bodies.add(text[text.index("typedef double real;") :])
    assert len(bodies) == 1
    (body,) = bodies
    for word in ("__kernel", "__global__", "get_local_id", "threadIdx"):
        assert word not in body


def test_partners_give_the_adjoint_of_the_products():
    rng = np.random.default_rng(3)
    width, pairs = 5, np.array([[0, 0], [0, 3], [1, 2], [2, 2], [3, 4]], np.int32)
    start, partners = partners_of(pairs, width)
    x, d = rng.normal(size=(4, width)), rng.normal(size=len(pairs))
    dx = np.zeros_like(x)
    for column in range(width):
        for pair, other in partners[start[column] : start[column + 1]]:
            dx[:, column] += d[pair] * x[:, other]
    expected = np.zeros_like(x)
    for k, (a, b) in enumerate(pairs):
        expected[:, a] += d[k] * x[:, b]
        expected[:, b] += d[k] * x[:, a]
    np.testing.assert_allclose(dx, expected, atol=1e-14)


def test_layers_of_one_shape_are_one_kernel(make_plan):
    plan = make_plan("se_e2_a", "opencl")
    launches = [launch.kernel for launch in plan.launches]
    assert launches.count("layer1") == 2 and "layer2" not in plan.kernels
