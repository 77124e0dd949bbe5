"""The roofline of this machine, measured once and kept in dpc's cache."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
from importlib import resources
from pathlib import Path

from dpc import native
from dpc.errors import ToolError
from dpc.targets import Target
from dpc.targets.cpu import FEATURES, processor, runs_here
from dpc.targets.roofline import Level, Roofline, assumed_roofline

FORMATS = ("f64", "f32", "bf16")
RATES = len(FORMATS) + 4 + 1  # as peak.c counts them: formats, levels, the clock
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def roofline(target: Target) -> Roofline:
    """Measured where this machine can run code for the target and has a C compiler."""
    if target.kind != "cpu" or not runs_here(target):
        return assumed_roofline(target)
    try:
        return measured_roofline(target)
    except ToolError:
        return assumed_roofline(target)


def measured_roofline(target: Target) -> Roofline:
    """Rates of one core with the target's instructions; a fraction of a second at first use."""
    with resources.as_file(resources.files("dpc.cost") / "peak.c") as source:
        own = [f"-m{name[1:]}" for one in target.features for name in FEATURES[one].mattr]
        flags = [f"-DVECTOR={target.vector_bytes}", "-ffp-contract=fast", *target.cflags, *own]
        library = native.build_shared("libpeak.so", [source], flags=flags)
    rates = _rates(library)
    assumed = assumed_roofline(target)
    sizes = {**{one.name: one.bytes for one in assumed.levels}, **_cache_sizes()}
    flops = {name: rate for name, rate in zip(FORMATS, rates, strict=False) if rate > 0}
    levels = tuple(
        Level(one.name, sizes[one.name], rate)
        for one, rate in zip(assumed.levels, rates[len(FORMATS) : -1], strict=True)
    )
    return Roofline(flops, levels, rates[-1], f"measured on this machine, {processor()}")


def _rates(library: Path) -> list[float]:
    """What dpc_peak found, now or before on a processor of this name."""
    name = hashlib.sha256(f"{platform.node()} {processor()}".encode()).hexdigest()[:12]
    kept = library.with_name(f"rates-{name}.json")
    try:
        known = [float(rate) for rate in json.loads(kept.read_text())]
    except (OSError, ValueError, TypeError):
        known = []
    if len(known) == RATES:
        return known
    found = (ctypes.c_double * RATES)()
    if ctypes.CDLL(str(library)).dpc_peak(found):
        raise ToolError("the roofline of this machine: not enough memory to measure it")
    rates = [float(f"{rate:.4g}") for rate in found]
    draft = kept.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(json.dumps(rates))
        draft.replace(kept)
    except OSError:  # a cache that cannot be written: measured again next time
        pass
    return rates


def _cache_sizes() -> dict[str, float]:
    """Bytes by level, as Linux tells them."""
    found = {}
    for folder in sorted(CACHES.glob("index*")):
        try:
            kind = (folder / "type").read_text().strip()
            level = (folder / "level").read_text().strip()
            size = (folder / "size").read_text().strip()
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            found[f"L{level}"] = 1024.0 * int(size[:-1])
    return found
