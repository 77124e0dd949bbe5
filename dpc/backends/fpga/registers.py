"""The register map of dp_top, and what it is written as: SystemVerilog and C.

Addresses are bytes, registers 32 bits. `python -m dpc.backends.fpga.registers` writes the
files of the tree anew.
"""

from __future__ import annotations

from pathlib import Path

REGISTERS: dict[str, tuple[int, str]] = {
    "ID": (0x00, "reads 0x31435044, 'DPC1'"),
    "HASH_LOW": (0x04, "of the parameters that the circuit was built from"),
    "HASH_HIGH": (0x08, "the other half"),
    "STATUS": (0x0C, "bit 0 idle, 1 an unknown command came, 2 reading, 3 writing, 4 bus error"),
    "CONTROL": (0x10, "write bit 0: start, 1: clear counters, 2: reset the core"),
    "SOURCE_LOW": (0x18, "address of the commands in the card's memory, a multiple of 4096"),
    "SOURCE_HIGH": (0x1C, "the other half"),
    "SOURCE_WORDS": (0x20, "commands, in words of 16 bytes"),
    "RESULT_LOW": (0x28, "address for the results, a multiple of 4096"),
    "RESULT_HIGH": (0x2C, "the other half"),
    "RESULT_WORDS": (0x30, "results that will come, in words of 16 bytes"),
    "DONE": (0x34, "jobs that ended: all commands read, all results written"),
    "COUNTERS": (0x80, "32 counters of the core, one after the other"),
}

COUNTERS = (
    "busy", "atoms",
    "list_words", "list_waits", "table_words", "table_waits", "x_words", "x_waits",
    "descriptor_words", "descriptor_waits", "fit_words", "fit_waits",
    "dx_words", "dx_waits", "pair_words", "pair_waits",
    "saturated_rows", "saturated_x", "saturated_descriptor", "saturated_fit",
    "saturated_energy", "saturated_fit_back", "saturated_dx", "saturated_force",
    "too_near", "crowded",
)  # fmt: skip

ROOT = Path(__file__).parent.parent.parent.parent
NOTE = "Written by dpc.backends.fpga.registers."


def systemverilog() -> str:
    """dp_regs_pkg.sv."""
    lines = [f"// Addresses of the registers. {NOTE}", "package dp_regs_pkg;"]
    for name, (address, text) in REGISTERS.items():
        lines.append(f"  localparam logic [7:0] {_camel(name)} = 8'h{address:02x};  // {text}")
    return "\n".join([*lines, "endpackage", ""])


def c_header() -> str:
    """fpga_regs.h."""
    lines = [f"/* Addresses of the registers. {NOTE} */", "#ifndef DPC_FPGA_REGS_H"]
    lines += ["#define DPC_FPGA_REGS_H", ""]
    for name, (address, text) in REGISTERS.items():
        lines += [f"/* {text} */", f"#define DPC_REG_{name} 0x{address:02x}u"]
    lines += ["", f"#define DPC_FPGA_COUNTERS {len(COUNTERS)}", ""]
    return "\n".join([*lines, "#endif", ""])


def _camel(name: str) -> str:
    return "Reg" + "".join(part.capitalize() for part in name.split("_"))


def write(root: Path = ROOT) -> None:
    """Write both files of the tree."""
    (root / "rtl" / "dp_regs_pkg.sv").write_text(systemverilog())
    (root / "runtime" / "src" / "fpga_regs.h").write_text(c_header())


if __name__ == "__main__":
    write()
