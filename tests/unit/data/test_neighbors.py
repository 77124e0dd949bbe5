"""Cell lists against all pairs and all images, counted one by one."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpc.data.neighbors import Rows, extend, format_nlist, neighbor_rows
from dpc.errors import InputError


def brute_force(coord, cell, rcut):
    """Sorted (i, j, x, y, z) of every pair nearer than rcut, all images included."""
    shifts = np.zeros((1, 3))
    if cell is not None:
        heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        spread = np.ptp(coord @ np.linalg.inv(cell), axis=0)
        n = np.ceil(rcut / heights + spread).astype(int)
        grid = np.meshgrid(*[np.arange(-k, k + 1) for k in n], indexing="ij")
        shifts = np.stack(grid, -1).reshape(-1, 3) @ cell
    r = coord[None, :, None] + shifts[None, None] - coord[:, None, None]
    distance = np.linalg.norm(r, axis=-1)
    i, j, k = np.nonzero((distance < rcut) & (distance > 0))
    return i, j, r[i, j, k]


def found_pairs(ext, rows: Rows):
    i = np.repeat(np.arange(ext.nloc), np.diff(rows.offsets))
    return i, ext.owner[rows.indices], ext.coord[rows.indices] - ext.coord[i]


def assert_same_pairs(a, b):
    def table(pairs):
        i, j, r = pairs
        keys = np.column_stack([i, j, np.round(r, 6) + 0.0])
        return keys[np.lexsort(keys.T[::-1])]

    x, y = table(a), table(b)
    assert x.shape == y.shape
    np.testing.assert_allclose(x, y, atol=2e-6)


def random_cell(rng, edge, shape):
    if shape == "open":
        return None
    if shape == "orthogonal":
        return np.diag(edge * rng.uniform(0.7, 1.4, 3))
    cell = edge * (np.eye(3) + rng.uniform(-0.4, 0.4, (3, 3)))
    left_handed = np.linalg.det(cell) < 0
    return cell[[1, 0, 2]] if left_handed != (shape == "left-handed") else cell


@pytest.mark.parametrize("shape", ["open", "orthogonal", "triclinic", "left-handed"])
@pytest.mark.parametrize("edge", [1.7, 5.0, 13.0])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), natoms=st.integers(1, 12))
def test_same_pairs_as_brute_force(shape, edge, seed, natoms):
    rng = np.random.default_rng(seed)
    cell = random_cell(rng, edge, shape)
    if cell is not None and abs(np.linalg.det(cell)) < 0.3 * edge**3:
        return
    coord = rng.uniform(-1.5, 2.5, (natoms, 3)) * edge  # atoms outside the cell too
    ext = extend(coord, np.zeros(natoms, np.int32), cell, 4.0)
    rows = neighbor_rows(ext, 4.0)
    assert_same_pairs(found_pairs(ext, rows), brute_force(coord, cell, 4.0))


def test_atoms_inside_keep_their_coordinates_bit_for_bit():
    rng = np.random.default_rng(1)
    coord = rng.uniform(0, 7, (20, 3))
    ext = extend(coord, np.zeros(20, np.int32), np.eye(3) * 7.0, 3.0)
    assert ext.nloc == 20
    np.testing.assert_array_equal(ext.coord[:20], coord)
    np.testing.assert_array_equal(ext.owner[:20], np.arange(20))


def test_rows_ascend():
    rng = np.random.default_rng(2)
    ext = extend(rng.uniform(0, 9, (60, 3)), np.zeros(60, np.int32), np.eye(3) * 9.0, 4.0)
    rows = neighbor_rows(ext, 4.0)
    for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        assert (np.diff(rows.indices[a:b]) > 0).all()


def test_far_apart_atoms_need_no_memory():
    coord = np.array([[0.0, 0, 0], [1.0, 0, 0], [1e9, 0, 0], [1e9, 1.5, 0]])
    ext = extend(coord, np.zeros(4, np.int32), None, 6.0)
    rows = neighbor_rows(ext, 6.0)
    assert rows.indices.tolist() == [1, 0, 3, 2]


def test_no_atoms():
    ext = extend(np.zeros((0, 3)), np.zeros(0, np.int32), np.eye(3), 6.0)
    rows = neighbor_rows(ext, 6.0)
    nlist, overflow = format_nlist(ext, rows, (2, 3))
    assert (ext.nall, rows.offsets.tolist(), nlist.shape, overflow) == (0, [0], (0, 5), 0)


def padded(coord, atype, sel, rcut=6.0):
    ext = extend(np.asarray(coord, float), np.asarray(atype, np.int32), None, rcut)
    return format_nlist(ext, neighbor_rows(ext, rcut), sel)


def test_slots_are_by_type_nearest_first():
    coord = [[0, 0, 0], [3, 0, 0], [1, 0, 0], [2, 0, 0], [0, 9, 0]]
    nlist, overflow = padded(coord, [0, 1, 0, 1, 0], (3, 3))
    assert nlist[0].tolist() == [2, -1, -1, 3, 1, -1]
    assert nlist[4].tolist() == [-1] * 6
    assert overflow == 0


def test_ties_are_by_index():
    coord = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]]
    nlist, overflow = padded(coord, [0] * 5, (2,))
    assert nlist[0].tolist() == [1, 2]
    assert overflow == 5 * 4 - 5 * 2


def test_too_many_are_cut_over_all_types_first():
    # three places: the nearest three of all types, then the nearest one of type 0
    coord = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]]
    nlist, _ = padded(coord, [0, 0, 0, 1, 1], (1, 2))
    assert nlist[0].tolist() == [1, 3, -1]


def test_type_without_slots():
    nlist, overflow = padded([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [0, 1, 0], (2, 0))
    assert nlist[0].tolist() == [2, -1]
    assert overflow == 2


def test_two_atoms_at_one_place():
    coord = np.array([[0.0, 0, 0], [1, 1, 1], [3, 0, 0], [1, 1, 1]])
    ext = extend(coord, np.zeros(4, np.int32), None, 6.0)
    with pytest.raises(InputError, match="atom 1 is at the place of atom 3"):
        neighbor_rows(ext, 6.0)


def test_two_atoms_at_one_place_across_the_boundary():
    ext = extend(np.array([[0.0, 1, 1], [5.0, 1, 1]]), np.zeros(2, np.int32), np.eye(3) * 5, 2.0)
    with pytest.raises(InputError, match="atom 0 is at the place of atom 1"):
        neighbor_rows(ext, 2.0)


@pytest.mark.parametrize(
    "cell",
    [
        np.zeros((3, 3)),
        [[1.0, 0, 0], [2, 0, 0], [0, 0, 1]],
        np.full((3, 3), np.nan),
        np.diag([np.inf, 1, 1]),
    ],
)
def test_singular_cells(cell):
    with pytest.raises(InputError, match="volume"):
        extend(np.zeros((1, 3)), np.zeros(1, np.int32), np.asarray(cell, float), 6.0)


def test_absurdly_small_cell():
    with pytest.raises(InputError, match="periodic images"):
        extend(np.zeros((1, 3)), np.zeros(1, np.int32), np.eye(3) * 0.01, 6.0)


def test_twelve_thousand_atoms_take_seconds():
    n, edge = 12288, 49.7
    rng = np.random.default_rng(0)
    side = 24
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:n]
    coord = (grid + rng.uniform(0.1, 0.9, (n, 3))) * edge / side
    start = time.perf_counter()
    ext = extend(coord, (np.arange(n) % 3 > 0).astype(np.int32), np.eye(3) * edge, 6.0)
    rows = neighbor_rows(ext, 6.0)
    nlist, _ = format_nlist(ext, rows, (46, 92))
    elapsed = time.perf_counter() - start
    assert len(rows.indices) > 70 * n and nlist.shape == (n, 138)
    assert elapsed < 20, f"{elapsed:.1f} s"
    print(f"{n} atoms, {len(rows.indices)} pairs: {elapsed:.2f} s")


@pytest.mark.parametrize("nloc", [1, 2, 7, 60, 200])
@pytest.mark.parametrize("cell", [None, np.eye(3) * 9, np.eye(3) * 5.1,
                                  np.array([[9.0, 0, 0], [3, 8, 0], [-2, 1, 12]])])  # fmt: skip
def test_compiled_and_numpy_give_the_same_bits(nloc, cell):
    from dpc.data import compiled
    from dpc.data.neighbors import numpy_rows, numpy_select, select

    if compiled.library() is None:
        pytest.skip("no C compiler")
    rng = np.random.default_rng(nloc)
    coord = rng.uniform(-20, 20, (nloc, 3))
    coord[: nloc // 3] = np.round(coord[: nloc // 3])  # equal distances
    ext = extend(coord, rng.integers(0, 3, nloc).astype(np.int32), cell, 4.0)
    try:
        expected = numpy_rows(ext, 4.0)
    except InputError:
        with pytest.raises(InputError, match="at the place of"):
            neighbor_rows(ext, 4.0)
        return
    rows = neighbor_rows(ext, 4.0)
    assert np.array_equal(rows.offsets, expected.offsets)
    assert np.array_equal(rows.indices, expected.indices) and rows.indices.dtype == np.int32
    for sel in ((50, 60, 70), (2, 0, 3), (5,), (1000,)):
        for one, two in zip(select(ext, rows, sel), numpy_select(ext, rows, sel), strict=True):
            assert np.array_equal(one, two) and one.dtype == two.dtype


def test_sparse_systems_are_left_to_numpy():
    from dpc.data import compiled

    coord = np.array([[0, 0, 0], [1.0, 0, 0], [1e7, 1e7, 1e7]])
    assert compiled.neighbor_rows(coord, 3, 2.0) is None
    rows = neighbor_rows(extend(coord, np.zeros(3, np.int32), None, 2.0), 2.0)
    assert rows.indices.tolist() == [1, 0]
