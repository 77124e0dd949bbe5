"""hls/README.md of a package: what the projects are, their ports, the type of every signal."""

from __future__ import annotations

from collections.abc import Mapping

from dpc.backends.fpga.hls.layers import ENERGY, INPUT, SLOPE, Layers

TEXT = """# The fitting net in high-level synthesis

A project of hls4ml for each type of atom: {folders}.
From the descriptor of an atom it computes its energy, eV, without that of the type, and
dE/dD, the way back through the net. It gives the integers of the circuit in `rtl/`, bit for bit.

    cd type_0 && bash build_lib.sh                              # C++ simulation, g++ alone
    cd type_0 && vitis-run --mode hls --tcl build_prj.tcl       # synthesis, with Vitis HLS

`tb_data/` has descriptors, and the energies and dE/dD that must come out.
Synthesis has not been run: no resources and no clock are known.

| arguments of `fitting_0` | type |
| --- | --- |
{ports}

Every signal; what is rounded is rounded halves up and saturates, all else is exact:

| layer | kind | types |
| --- | --- | --- |
{rows}
"""


def readme(nets: Mapping[str, Layers]) -> str:
    """The file; types are those of the first net, others may differ in scales."""
    folders = ", ".join(f"`type_{t}` ({name})" for t, name in enumerate(nets))
    net = next(iter(nets.values()))
    kinds = {one["name"]: one["class_name"] for one in net.layers}
    ports = [f"| `{name}` | `{net.types[name]['result']}` |" for name in (INPUT, ENERGY, SLOPE)]
    rows = []
    for name, types in net.types.items():
        cells = ", ".join(f"{key} `{value}`" for key, value in types.items())
        rows.append(f"| {name} | {kinds[name]} | {cells} |")
    return TEXT.format(folders=folders, ports="\n".join(ports), rows="\n".join(rows))
