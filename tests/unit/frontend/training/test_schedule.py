"""Learning rates against their formulas."""

import math

import pytest

from dpc.config.learning_rate import LEARNING_RATE
from dpc.frontend.training.schedule import make_schedule


def schedule(steps=1000, workers=1, **options):
    problems: list[str] = []
    section = LEARNING_RATE.read(options, problems)
    assert not problems
    return make_schedule(section, steps, workers)


def test_exponential():
    s = schedule(start_lr=1e-3, stop_lr=1e-6, decay_steps=100)
    assert s.rate(0) == s.rate(99) == 1e-3
    assert s.rate(100) == pytest.approx(1e-3 * 10 ** (-0.3))
    assert s.rate(999) == pytest.approx(1e-3 * 10 ** (-2.7))
    assert s.fraction(100) == pytest.approx(10 ** (-0.3))


def test_exponential_with_a_given_rate():
    s = schedule(8000, start_lr=1e-3, decay_steps=80, decay_rate=0.954992586021436)
    assert s.rate(100) == pytest.approx(9.55e-4, rel=1e-3)  # the peer's table: 9.5e-04
    assert s.rate(7999) == pytest.approx(1e-3 * 0.954992586021436**99)


def test_short_runs_decay_as_in_deepmd_kit():
    s = schedule(50, start_lr=1e-3, stop_lr=1e-5, decay_steps=5000)
    assert s.rate(0) == 1e-3 and s.rate(1) == pytest.approx(1e-3 * 0.01 ** (1 / 50))


def test_smooth_and_ratio():
    s = schedule(start_lr=1e-3, stop_lr_ratio=1e-2, decay_steps=100, smooth=True)
    assert s.rate(50) == pytest.approx(1e-3 * 10 ** (-0.1))


def test_cosine():
    s = schedule(type="cosine", start_lr=1e-3, stop_lr=1e-5)
    assert s.rate(0) == pytest.approx(1e-3) and s.rate(500) == pytest.approx((1e-3 + 1e-5) / 2)
    assert s.rate(1000) == pytest.approx(1e-5)


@pytest.mark.parametrize("kind", ["linear", "cosine", "inverse_linear"])
def test_warmup_stable_decay(kind):
    s = schedule(type="wsd", start_lr=1e-3, stop_lr=1e-5, decay_phase_ratio=0.2, decay_type=kind)
    assert s.rate(0) == s.rate(799) == pytest.approx(1e-3)
    assert s.rate(1000) == pytest.approx(1e-5)
    assert 1e-5 < s.rate(900) < 1e-3


def test_warm_up():
    s = schedule(start_lr=1e-3, stop_lr=1e-5, warmup_steps=100, warmup_start_factor=0.1)
    assert s.rate(0) == pytest.approx(1e-4) and s.rate(50) == pytest.approx(5.5e-4)
    assert s.rate(100) == 1e-3
    s = schedule(start_lr=1e-3, stop_lr=1e-5, warmup_ratio=0.2)
    assert s.rate(100) == pytest.approx(5e-4)


def test_several_workers():
    one = {"start_lr": 1e-3, "stop_lr": 1e-5}
    assert schedule(workers=4, **one).rate(0) == 1e-3
    assert schedule(workers=4, scale_by_worker="sqrt", **one).rate(0) == pytest.approx(2e-3)
    assert math.isclose(schedule(workers=4, scale_by_worker="linear", **one).rate(0), 4e-3)
