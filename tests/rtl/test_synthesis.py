"""The cost formula against synthesis: within 10 % for DSP slices, BRAM and URAM."""

import pytest

from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.resources import resources, total
from dpc.backends.fpga.synthesis import blocks, synthesize
from tests.fixed_models import contents

pytest.importorskip("pyosys", reason="pyosys is not installed: pip install 'dpc[fpga]'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "interval", "lanes", "style"),
    [("odd", 16, 1, "block"), ("reduced", 16, 2, "ultra"), ("split", 20, 2, "block")],
)
def test_blocks_of_the_whole_core(name, interval, lanes, style):
    shape = contents(name).shape
    build = Build.of_interval(
        shape, interval, lanes, atoms=4096, list_words=4096, table_style=style
    )
    found, said = blocks(synthesize(shape, build)), total(resources(shape, build))
    for kind in ("dsp", "bram", "uram"):
        assert getattr(said, kind) == pytest.approx(found[kind], rel=0.1), kind
