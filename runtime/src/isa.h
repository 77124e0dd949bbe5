/* isa.h: whether this processor runs code made for a named instruction set. */
#ifndef DPC_ISA_H
#define DPC_ISA_H

#include "dpc.h"

/* `isa` is "x86-64", "x86-64-v2", "-v3", "-v4", "aarch64", or "" for any; behind -v4 may stand
 * "+bf16" (AVX-512 BF16) or "+bf16+amx" (and AMX, which this asks the system for). */
dpc_status dpc_isa_check(const char *package, const char *isa, dpc_error *error);

#endif
