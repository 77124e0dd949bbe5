"""Which frames come, how often, and that a restored loader goes on to the same bits."""

import json
import threading

import numpy as np
import pytest

from dpc.data.dataset import open_dataset
from dpc.data.labels import LABELS
from dpc.data.loader import Loader
from dpc.data.sampling import BatchSizes, batch_sizes, probabilities
from dpc.errors import InputError
from tests.unit.data.folders import random_system, write_folder

ENERGY = [LABELS["energy"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """10, 20 and 40 frames of 3, 6 and 12 atoms."""
    root = tmp_path_factory.mktemp("data")
    for k, (n, frames) in enumerate([(1, 10), (2, 20), (4, 40)]):
        random_system(root / f"s{k}", [0, 1, 1] * n, frames=frames, seed=k)
    return open_dataset(root)


def seen(loader, steps):
    """(systems, frames) of some batches."""
    return [(b.system.tolist(), b.frame.tolist()) for _, b in zip(range(steps), loader)]  # noqa: B905


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        (3, (3, 3, 3)),
        ([1, 2, 4], (1, 2, 4)),
        ([2], (2, 2, 2)),
        ("auto", (10, 6, 3)),  # 32 atoms at least; the first system has only 10 frames
        ("auto:12", (4, 2, 1)),
        ("max:12", (4, 2, 1)),
        ("max:5", (1, 1, 1)),
        ("filter:11", (3, 1, 0)),
        ("mixed:7", (7, 7, 7)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*fewer than batch_size")
def test_batch_sizes(data, rule, sizes):
    assert batch_sizes(rule, data) == BatchSizes(sizes, mixed=rule == "mixed:7")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("atuo", "expected a number.*Did you mean 'auto'"),
        ("max", "expected a number"),
        ("auto:0", "at least 1"),
        (0, "at least 1"),
        ([1, 2], "2 numbers for 3 systems"),
        ("filter:2", "every system has more than 2 atoms"),
    ],
)
def test_wrong_batch_sizes(data, rule, message):
    with pytest.raises(InputError, match=message):
        batch_sizes(rule, data)


def test_a_system_with_too_few_frames_is_told(data):
    with pytest.warns(UserWarning, match="10 frames, fewer than batch_size 15"):
        assert batch_sizes(15, data).sizes == (10, 15, 15)


@pytest.mark.parametrize(
    ("auto_prob", "expected"),
    [
        ("prob_uniform", [1 / 3] * 3),
        ("prob_sys_size", [1 / 7, 2 / 7, 4 / 7]),
        ("prob_sys_size;0:2:0.5;2:3:0.5", [0.5 / 3, 1 / 3, 0.5]),
        ("prob_sys_size; 0:1:0.25 ; 2:3:0.75;", [0.25, 0, 0.75]),
    ],
)
def test_probabilities(data, auto_prob, expected):
    assert probabilities(data, batch_sizes(1, data), auto_prob) == pytest.approx(expected)


def test_probabilities_count_batches_not_frames(data):
    assert probabilities(data, batch_sizes([1, 2, 4], data)) == pytest.approx([1 / 3] * 3)
    assert probabilities(data, batch_sizes("filter:11", data))[2] == 0
    assert probabilities(data, batch_sizes(1, data), sys_probs=[1, 0, 3]).tolist() == [
        0.25,
        0,
        0.75,
    ]


@pytest.mark.parametrize(
    ("auto_prob", "message"),
    [
        ("prob_sys_siz", "Did you mean 'prob_sys_size'"),
        ("prob_sys_size;0:1", "not FIRST:END:WEIGHT"),
        ("prob_sys_size;0:4:1", r"<= 3 \(the number of systems\)"),
        ("prob_sys_size;0:2:1;1:3:1", "system of another block"),
        ("prob_sys_size;0:2:0", "no system with frames has a probability above 0"),
    ],
)
def test_wrong_probabilities(data, auto_prob, message):
    with pytest.raises(InputError, match=message):
        probabilities(data, batch_sizes(1, data), auto_prob)
    with pytest.raises(InputError, match="at least 0 for each of 3 systems"):
        probabilities(data, batch_sizes(1, data), sys_probs=[1, 1])


def test_every_frame_once_in_each_epoch(data):
    loader = Loader(data, ENERGY, 4, np.array([0, 0, 1.0]), seed=1, prefetch=0)
    epochs = [[f for _, frames in seen(loader, 10) for f in frames] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(40))
    assert epochs[0] != epochs[1]


def test_systems_come_by_their_probabilities(data):
    loader = Loader(data, ENERGY, 1, np.array([0.5, 0.2, 0.3]), seed=5, prefetch=0)
    drawn = [systems[0] for systems, _ in seen(loader, 2000)]
    assert np.bincount(drawn) / 2000 == pytest.approx([0.5, 0.2, 0.3], abs=0.04)


def test_a_restored_loader_goes_on_the_same(data):
    one, two = (Loader(data, ENERGY, "auto:12", seed=3, prefetch=k) for k in (3, 0))
    seen(one, 17)
    state = json.loads(json.dumps(one.state()))
    rest = seen(one, 30)
    two.restore(state)
    assert seen(two, 30) == rest, "read ahead or not"
    one.restore(state)
    assert seen(one, 30) == rest
    one.close()
    assert seen(one, 1) == seen(two, 1), "close forgets only what nobody saw"
    one.close()
    assert not [t for t in threading.enumerate() if t.name == "dpc-loader"]


def test_other_seeds_give_other_orders(data):
    orders = [seen(Loader(data, ENERGY, 1, seed=k, prefetch=0), 10) for k in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]


def test_processes_share_a_batch(data):
    whole = Loader(data, ENERGY, 3, seed=2, prefetch=0)
    parts = [Loader(data, ENERGY, 3, seed=2, prefetch=0, share=(r, 2)) for r in (0, 1)]
    for _ in range(20):
        batch, mine, other = next(whole), *(next(p) for p in parts)
        assert sorted([*mine.frame, *other.frame]) == sorted(batch.frame)
        assert mine.frame.tolist() == batch.frame[0::2].tolist()


def test_mixed_batches_cover_all_systems(data):
    loader = Loader(data, ENERGY, "mixed:14", seed=2, prefetch=0)
    assert loader.batches_per_epoch == 5
    batches = [next(loader) for _ in range(5)]
    frames = {(s, f) for b in batches for s, f in zip(b.system, b.frame, strict=True)}
    assert len(frames) == 70, "every frame of every system once"
    for batch in batches:
        assert batch.natoms.tolist() == [3 * 2**s for s in batch.system]
        assert batch.labels["energy"].tolist() == batch.frame.tolist()
    shares = [
        next(Loader(data, ENERGY, "mixed:14", seed=2, prefetch=0, share=(r, 3))) for r in range(3)
    ]
    assert sorted(s.nframe for s in shares) == [4, 5, 5]


def test_batches_never_mix_sets_of_other_labels(tmp_path):
    path = write_folder(tmp_path / "a", frames=4, sets=3)
    (path / "set.001" / "energy.npy").unlink()
    loader = Loader(open_dataset(path), ENERGY, 2, seed=0, prefetch=0)
    with_energy = without = 0
    for _, batch in zip(range(300), loader):  # noqa: B905
        if batch.found["energy"]:
            assert not set(batch.frame) & {4, 5, 6, 7}
            with_energy += 1
        else:
            without += 1
    assert with_energy / without == pytest.approx(2, rel=0.3)


def test_the_hook_runs_ahead_and_its_errors_arrive(data):
    calls = []

    def prepare(batch):
        calls.append(threading.current_thread().name)
        if len(calls) == 4:
            raise InputError("no more")
        return batch.nframe

    loader = Loader(data, ENERGY, 2, seed=0, prepare=prepare)
    assert [next(loader).prepared for _ in range(3)] == [2, 2, 2]
    with pytest.raises(InputError, match="no more"):
        next(loader)
    assert set(calls) == {"dpc-loader"}


def test_changed_data_go_on_in_another_order(data, tmp_path):
    """A broken frame was removed, say: the training need not begin anew."""
    loader = Loader(data, ENERGY, 1, prefetch=0)
    seen(loader, 5)
    state = loader.state()
    random_system(tmp_path / "s0", [0, 1, 1], frames=9)
    other = Loader(open_dataset(tmp_path), ENERGY, 3, prefetch=0)
    with pytest.warns(UserWarning, match=r"systems were \[10, 20, 40\] and are \[9\]"):
        other.restore(state)
    assert other.state()["step"] == 5 and other.state()["used"] == [[0]]
    assert sorted(f for _, frames in seen(other, 3) for f in frames) == list(range(9))
    mixed = Loader(data, ENERGY, "mixed:2", prefetch=0)
    with pytest.warns(UserWarning, match="labels of sets, or batch_size"):
        mixed.restore(state)
    assert next(mixed).nframe == 2
