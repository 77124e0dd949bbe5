"""levels.c: host.so with code for several instruction sets, and the choice among them."""

from __future__ import annotations

import re

from dpc.backends.host.cc import SYMBOL
from dpc.backends.host.text import fill
from dpc.targets import Target
from dpc.targets.cpu import cpu_supports

TILES = """\
/* The tile registers of AMX are large: Linux gives them only to a process that asks. */
static int may_use_tiles(void) {
  enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 };
  static int known; /* 1: yes, 2: no */
  int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (found == 0) {
    found = syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0 ? 1 : 2;
    __atomic_store_n(&known, found, __ATOMIC_RELAXED);
  }
  return found == 1;
}

"""

COMMON = """\
static size_t workspace(int64_t entries) { return level()->workspace(entries); }

/* Tiles are cut for the code with the largest ones: other code takes them in parts. */
static int32_t run_tile(dpc_tile *tile) {
  const dpc_model_abi *own = level();
  const int32_t count = tile->count;
  dpc_tile part = *tile;
  int32_t status = DPC_TILE_OK;
  for (int32_t first = 0; first < count && status == DPC_TILE_OK; first += part.count) {
    part.count = count - first < own->tile_atoms ? count - first : own->tile_atoms;
    part.atoms = tile->atoms + first;
    part.numneigh = tile->numneigh + first;
    part.neighbors = tile->neighbors + first;
    status = own->tile(&part);
  }
  tile->sel_overflow = part.sel_overflow;
  tile->extrapolated = part.extrapolated;
  tile->pair[0] = part.pair[0];
  tile->pair[1] = part.pair[1];
  return status;
}

"""


def entry_name(level: Target) -> str:
    """What the entry of one level's code is called."""
    return "dpc_entry_" + re.sub(r"\W", "_", level.arch)


def write_levels(levels: tuple[Target, ...], ntypes: int, tile: int, params_bytes: int) -> str:
    """The text. `levels` from the least to the most capable; `tile`: the most centres of any."""
    asks = any("amx" in level.features for level in levels)
    names = [entry_name(level) for level in levels]
    lines = fill("extern const dpc_model_abi ", names, ";")
    lines += ["", "/* The most capable code that this processor runs. */"]
    lines += ["static const dpc_model_abi *level(void) {", "  __builtin_cpu_init();"]
    for level, name in zip(reversed(levels[1:]), reversed(names[1:]), strict=True):
        words = [f'__builtin_cpu_supports("{word}")' for word in cpu_supports(level)]
        words += ["may_use_tiles()"] if "amx" in level.features else []
        lines += fill("  if (", words, ")", between=" &&")
        lines += [f"    return &{name};"]
    lines += [f"  return &{names[0]};", "}", ""]
    return (
        "/* levels.c: code for several instruction sets, and which of it a processor runs. */\n"
        + ("#define _GNU_SOURCE\n#include <sys/syscall.h>\n#include <unistd.h>\n\n" if asks else "")
        + '#include "dpc_model.h"\n\n'
        + (TILES if asks else "")
        + "\n".join(lines)
        + "\n"
        + COMMON
        + entry(levels[0].isa, str(ntypes), str(tile), params_bytes)
    )


def entry(isa: str, ntypes: str, tile: str, params_bytes: int, name: str = SYMBOL) -> str:
    """The definition of an entry; arguments are C expressions."""
    visible = name == SYMBOL
    return (
        f'__attribute__((visibility("{"default" if visible else "hidden"}"))) '
        f"const dpc_model_abi {name} = {{\n"
        "    .abi = DPC_ABI,\n"
        "    .size = sizeof(dpc_model_abi),\n"
        f'    .isa = "{isa}",\n'
        f"    .ntypes = {ntypes},\n"
        f"    .tile_atoms = {tile},\n"
        f"    .params_bytes = {params_bytes},\n"
        "    .workspace = workspace,\n"
        "    .tile = run_tile,\n"
        "};\n"
    )
