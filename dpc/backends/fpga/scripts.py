"""Constraints and build scripts of a circuit: Vivado in batch, and a Vitis kernel for XRT.

None of these tools runs here: what the scripts make has not been placed or routed.
"""

from __future__ import annotations

from collections.abc import Sequence

from dpc.targets import Target
from dpc.targets.fpga import DEVICES

# blocks of a die, in the order of the pipeline: only streams cross
DIES = (
    ("u_list u_coords u_env u_contract u_history", "neighbours, forward"),
    ("u_products u_fit u_products_back u_x", "descriptor and fitting net"),
    ("u_pair_back u_forces u_virial u_energies", "neighbours, back"),
)

KERNEL = "dp_top"


def scripts(target: Target, rtl: Sequence[str]) -> dict[str, bytes]:
    """Files by path in the package; `rtl` are the sources in order."""
    device, mhz = DEVICES[target.arch], target.limits["mhz"]
    return {
        "fpga/constraints.xdc": _constraints(mhz, target.limits["dies"]).encode(),
        "fpga/vivado.tcl": _vivado(device, rtl).encode(),
        "fpga/kernel.tcl": _kernel(device, rtl).encode(),
        "fpga/vitis.sh": _vitis(mhz).encode(),
    }


def _constraints(mhz: int, dies: int) -> str:
    lines = [
        f"# The clock is an assumption: {mhz} MHz has not been reached on a device yet.",
        f"create_clock -name clock -period {1000 / mhz:.3f} [get_ports ap_clk]",
        "",
    ]
    if dies < len(DIES):
        return "\n".join(lines)
    lines.append("# One die for each part of the pipeline.")
    for number, (blocks, text) in enumerate(DIES):
        cells = " ".join(f"u_core/{block}" for block in blocks.split())
        lines += [
            f"# {text}",
            f"create_pblock die_{number}",
            f"resize_pblock die_{number} -add SLR{number}",
            f"add_cells_to_pblock die_{number} [get_cells {{{cells}}}]",
        ]
    return "\n".join([*lines, ""])


def _vivado(device: str, rtl: Sequence[str]) -> str:
    files = "\n".join(f"read_verilog -sv ../rtl/{name}" for name in rtl)
    return f"""# Synthesis, placement and routing of the circuit alone: utilisation and timing.
#   cd fpga && vivado -mode batch -source vivado.tcl
{files}
read_xdc constraints.xdc
synth_design -top {KERNEL} -part {device} -mode out_of_context -flatten_hierarchy rebuilt
report_utilization -hierarchical -hierarchical_depth 3 -file utilization_synth.rpt
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -max_paths 20 -file timing.rpt
write_checkpoint -force circuit.dcp
"""


def _kernel(device: str, rtl: Sequence[str]) -> str:
    files = " ".join(f"../rtl/{name}" for name in rtl)
    return f"""# The circuit as an RTL kernel, dpc.xo, that v++ links into an xclbin.
#   cd fpga && vivado -mode batch -source kernel.tcl
create_project -force kernel kernel -part {device}
add_files -norecurse {{{files}}}
set_property top {KERNEL} [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -root_dir kernel/ip -vendor dpc -library kernel -taxonomy /KernelIP \\
  -import_files -set_current true
set core [ipx::current_core]
set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
set_property vitis_drc {{ctrl_protocol user_managed}} $core
ipx::infer_bus_interface ap_clk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface ap_rst_n xilinx.com:signal:reset_rtl:1.0 $core
ipx::associate_bus_interfaces -busif m_axi -clock ap_clk $core
ipx::associate_bus_interfaces -busif s_axi_control -clock ap_clk $core
set block [lindex [ipx::get_address_blocks -of \\
  [ipx::get_memory_maps s_axi_control -of_objects $core]] 0]
set_property range 4096 $block
# XRT learns from this argument that the kernel reaches the card's memory
set source [ipx::add_register SOURCE $block]
set_property address_offset 0x18 $source
set_property size 64 $source
set_property value m_axi [ipx::add_register_parameter ASSOCIATED_BUSIF $source]
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
package_xo -force -xo_path dpc.xo -kernel_name {KERNEL} -ip_directory kernel/ip \\
  -ctrl_protocol user_managed
"""


def _vitis(mhz: int) -> str:
    return f"""#!/bin/sh
# dpc.xclbin for XRT:  cd fpga && PLATFORM=xilinx_... sh vitis.sh
set -e
: "${{PLATFORM:?is not set: the platform of the card, as platforminfo -l lists them}}"
vivado -mode batch -source kernel.tcl
v++ --link --target hw --platform "$PLATFORM" --kernel_frequency {mhz} \\
  --connectivity.nk {KERNEL}:1:{KERNEL}_1 --connectivity.sp {KERNEL}_1.m_axi:DDR[0] \\
  -o dpc.xclbin dpc.xo
"""
