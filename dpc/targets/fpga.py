"""FPGAs: what each part holds. Numbers are those of AMD's product tables (DS890)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from dpc.errors import UsageError
from dpc.targets.cpu import LEVELS
from dpc.targets.target import Target

HOST = "x86-64-v3"
"""What the host library of a package for a circuit runs on."""


def _part(name: str, **limits: int) -> Target:
    return replace(LEVELS[HOST], kind="fpga", arch=name, limits=MappingProxyType(limits))


_VU13P: Mapping[str, int] = dict(
    dsp=12288, bram=2688, uram=1280, lut=1_728_000, lutram=791_040, ff=3_456_000, dies=4, mhz=250
)
"""The die of the U250 card too."""

PARTS: Mapping[str, Target] = MappingProxyType(
    {
        "vu9p": _part(
            "vu9p",
            dsp=6840,
            bram=2160,
            uram=960,
            lut=1_182_240,
            lutram=591_840,
            ff=2_364_480,
            dies=3,
            mhz=250,
        ),
        "vu13p": _part("vu13p", **_VU13P),
        "u250": _part("u250", **_VU13P),
        "u55c": _part(
            "u55c",
            dsp=9024,
            bram=2016,
            uram=960,
            lut=1_303_680,
            lutram=600_960,
            ff=2_607_360,
            dies=3,
            mhz=250,
        ),
    }
)
"""Every part: DSP48E2 slices, BRAM36 and URAM blocks, LUTs (and those that can be memory),
flip-flops, dies, and the clock that reports assume, MHz."""

DEVICES: Mapping[str, str] = MappingProxyType(
    {
        "vu9p": "xcvu9p-flga2104-2-i",
        "vu13p": "xcvu13p-fhga2104-2-i",
        "u250": "xcu250-figd2104-2L-e",
        "u55c": "xcu55c-fsvh2892-2L-e",
    }
)
"""Part numbers, as Vivado knows them."""


def parse(name: str, option: str) -> Target:
    """The target of a part; the option is the clock to assume, `vu9p:300MHz`."""
    part = PARTS[name]
    if not option:
        return part
    number = option.lower().removesuffix("mhz")
    if not number.isdigit() or not 50 <= int(number) <= 800:
        raise UsageError(
            f"target '{name}:{option}': after the colon comes the clock to assume, 50 to 800 MHz, "
            f"as in {name}:300MHz"
        )
    return replace(part, limits=MappingProxyType({**part.limits, "mhz": int(number)}))
