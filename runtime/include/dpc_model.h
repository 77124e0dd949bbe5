/* dpc_model.h: the contract between libdpc and the host.so of a compiled package.
 *
 * host.so exports one symbol, `dpc_model_entry`. libdpc sorts the atoms by type, cuts
 * them into tiles, and calls `tile` once for each, from several threads at a time:
 * every pointer that `tile` writes to belongs to the calling thread.
 */
#ifndef DPC_MODEL_H
#define DPC_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define DPC_ABI 1

/* what `tile` returns */
enum {
  DPC_TILE_OK = 0,
  DPC_TILE_COINCIDENT = 1, /* two atoms at one place: see `pair` */
  DPC_TILE_CROWDED = 2     /* an atom and how many neighbours it has, more than can be: `pair` */
};

typedef struct dpc_tile {
  /* the system */
  const double *coord;  /* nall * 3 */
  const int32_t *type;  /* nall; < 0: not in the model, skipped as a neighbour */
  const double *fparam; /* as in dpc.h; NULL when the model has none */
  const double *aparam; /* indexed by atom */
  /* the centres, all of one type */
  int32_t center_type;
  int32_t count;                   /* 1 .. tile_atoms */
  const int32_t *atoms;            /* count indices into coord, all < nloc */
  const int32_t *numneigh;         /* count */
  const int32_t *const *neighbors; /* count lists; entries & mask are indices into coord */
  int32_t mask;                    /* ~0 when none */
  /* the model's numbers and the thread's scratch, both 64-byte aligned */
  const void *params; /* the first byte of params.safetensors, mapped read-only */
  void *workspace;    /* at least workspace(rows) bytes */
  /* results: added to, except atom_energy, which is written. NULL: not wanted */
  double *energy;                     /* 1 */
  double *force;                      /* nall * 3 */
  double *virial;                     /* 9 */
  double *atom_energy;                /* indexed by atom */
  double *atom_virial;                /* nall * 9 */
  int64_t sel_overflow, extrapolated; /* added to */
  int32_t pair[2];
} dpc_tile;

typedef struct dpc_model_abi {
  uint32_t abi;  /* DPC_ABI */
  uint32_t size; /* sizeof(dpc_model_abi) */
  /* needed: "x86-64", "x86-64-v2", "-v3", "-v4", "-v4+bf16", "-v4+bf16+amx", "aarch64", or ""
   * for any */
  const char *isa;
  int32_t ntypes;
  int32_t tile_atoms;  /* the most centres in one tile */
  size_t params_bytes; /* size of the params.safetensors it was built with */
  /* bytes of scratch for a tile whose neighbour lists together have at most `rows` entries */
  size_t (*workspace)(int64_t rows);
  int32_t (*tile)(dpc_tile *);
  /* Later fields: there when `size` says so, else they count as 0. */
  /* a package for a GPU, see dpc_device.h: `workspace` and `tile` are NULL, tile_atoms is 1 */
  const struct dpc_device_plan *device;
} dpc_model_abi;

extern const dpc_model_abi dpc_model_entry;

#endif
