/* dpc.h: evaluate compiled Deep Potential models.
 *
 * Units: eV, angstrom. One opaque model (immutable, shared between threads), one
 * opaque session (the workspace of one calling thread), one call. No globals, no
 * output, no exceptions; nothing is allocated in a steady step. Output pointers that
 * are NULL mean "not wanted" and are not computed.
 *
 * Structs that may grow start with `size`: set it to sizeof the struct.
 *
 * On an error the call says so in its status and, if `error` is not NULL, in a sentence.
 * Outputs are then untouched or all zero, never half a result: use them only after DPC_OK.
 * Atoms in messages are counted from 0, in the order of `coord`.
 *
 * A model may be closed while sessions of it live: the last one frees it. A session with
 * threads does not survive fork(): the child makes its own.
 */
#ifndef DPC_H
#define DPC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DPC_API 1

#if defined(DPC_BUILD)
#define DPC_PUBLIC __attribute__((visibility("default")))
#else
#define DPC_PUBLIC
#endif

typedef struct dpc_model dpc_model;     /* immutable; share between threads */
typedef struct dpc_session dpc_session; /* workspace; one per calling thread */

typedef enum dpc_status {
  DPC_OK = 0,
  DPC_ERROR_ARGUMENT, /* the caller passed something impossible */
  DPC_ERROR_FILE,     /* the package is missing, damaged or of another version */
  DPC_ERROR_DEVICE,   /* no such device, or it failed, or lacks an instruction set */
  DPC_ERROR_MEMORY,
  DPC_ERROR_LIMIT,  /* more atoms or neighbours than this package can hold */
  DPC_ERROR_NUMERIC /* two atoms at one place, or a result is not finite */
} dpc_status;

typedef struct dpc_error {
  dpc_status status;
  char message[512];
} dpc_error;

/* dpc_options.flags */
enum {
  DPC_OPEN_UNVERIFIED = 1, /* skip the SHA-256 of the files: sizes only */
  DPC_STRICT = 2,          /* DPC_WARN_* become errors */
  DPC_DETERMINISTIC = 4    /* on a GPU: the same input gives the same bits, as it does on a CPU */
};

typedef struct dpc_options {
  uint32_t size;
  /* a GPU's index; -1 chooses: the ranks of MPI on one machine take its devices in turn */
  int32_t device;
  int32_t threads; /* host threads of one session; 0 means 1 */
  uint32_t flags;
  /* Later fields: 0 when `size` says that the caller does not know them. */
  uint64_t device_bytes; /* the most memory to take of the device; 0: all that is free */
  void *context;         /* OpenCL: the cl_context of arrays in DPC_DEVICE memory, or NULL */
  /* Of a package for an FPGA: "host" (the circuit's C model), "sim" (the circuit in software,
   * slow), "xdma:N", "xrt:N:FILE" (cards), "null". NULL: DPC_FPGA_DEVICE of the environment, else a
   * card that has the circuit, else the host. dpc_facts.target says which it is. All but null give
   * the same bits; cards compute no atom_virial. */
  const char *device_name;
} dpc_options;

/* dpc_facts.outputs */
enum { DPC_ENERGY = 1, DPC_FORCE = 2, DPC_VIRIAL = 4, DPC_ATOM_ENERGY = 8, DPC_ATOM_VIRIAL = 16 };

typedef struct dpc_facts {
  uint32_t size;
  int32_t ntypes, fparam, aparam; /* numbers of types, frame and atomic parameters */
  double rcut;
  const char *const *type_map; /* ntypes names */
  uint32_t outputs;
  const char *name;      /* of the model */
  const char *target;    /* for example "cpu x86-64-v4" */
  const char *precision; /* for example "f64" */
} dpc_facts;

/* Full neighbour list, cutoff >= rcut. Entries are indices into coord. With the `age` of the
 * call before, if it is > 0, the list is taken to be the same one and is not read again: its
 * rows must still be where they were. A new list needs a new age. */
typedef struct dpc_neighbors {
  int32_t count;           /* atoms that own a list */
  const int32_t *atoms;    /* ilist; NULL means 0 .. count-1 */
  const int32_t *numneigh; /* LAMMPS form, indexed by atom … */
  const int32_t *const *firstneigh;
  const int32_t *offsets, *indices; /* … or CSR form, in list order; the other is NULL */
  int32_t mask;                     /* and-ed with every entry; 0 means none */
  int64_t age;                      /* same age > 0, same list */
} dpc_neighbors;

/* The same for arrays in the memory of a GPU. The k-th neighbour of atom i is
 * entries[i * atom_stride + k * stride] & mask, for 0 <= k < numneigh[i]. Entries are not
 * checked. New types need a new age, too. */
typedef struct dpc_device_neighbors {
  int32_t count;           /* atoms that own a list */
  int32_t mask;            /* 0 means none */
  const int32_t *atoms;    /* NULL means 0 .. count-1 */
  const int32_t *numneigh; /* nloc, indexed by atom */
  const int32_t *entries;
  int64_t atom_stride, stride;
  int64_t age;
} dpc_device_neighbors;

/* dpc_input.memory */
enum {
  DPC_HOST = 0,
  /* coord, type, aparam, force, atom_energy and atom_virial are addresses on the device that the
   * model runs on (OpenCL: cl_mem handles); fparam, energy and virial are on the host as ever.
   * After an error the arrays on the device hold anything. */
  DPC_DEVICE = 1
};

typedef struct dpc_input {
  uint32_t size;
  int32_t nloc, nall;             /* locals first, then ghosts */
  const double *coord;            /* nall * 3 */
  const int32_t *type;            /* nall; < 0 means: not in the model */
  const double *cell;             /* 9, rows are vectors; NULL: open, or ghosts given */
  const dpc_neighbors *neighbors; /* NULL: built here (then nall == nloc) */
  const double *fparam, *aparam;  /* fparam values; nloc * aparam values */
  /* Later fields: 0 when `size` says that the caller does not know them. */
  int32_t memory; /* DPC_HOST or DPC_DEVICE */
  /* DPC_DEVICE: the CUstream, hipStream_t or cl_command_queue in which the arrays are made, and
   * in which the work is queued; NULL: they are ready, and the session uses a stream of its own */
  void *stream;
  const dpc_device_neighbors *device_neighbors; /* DPC_DEVICE: needed; neighbors must be NULL */
} dpc_input;

/* dpc_output.warnings */
enum {
  DPC_WARN_SEL = 1,         /* an atom had more neighbours than sel: the nearest were kept */
  DPC_WARN_EXTRAPOLATED = 2 /* a pair was closer than the tables reach */
};

typedef struct dpc_output {
  uint32_t size;
  double *energy;      /* 1 */
  double *force;       /* nall * 3, ghosts included, overwritten */
  double *virial;      /* 9: W[a][b] = -sum over pairs of (dE/dr)_a r_b; DeePMD-kit's sign */
  double *atom_energy; /* nloc */
  double *atom_virial; /* nall * 9 */
  uint32_t warnings;
  int64_t sel_overflow; /* neighbours that sel cut off */
  int64_t extrapolated; /* pairs beyond the tables */
} dpc_output;

DPC_PUBLIC dpc_status dpc_open(const char *path, const dpc_options *options, dpc_model **model,
                               dpc_error *error);
DPC_PUBLIC const dpc_facts *dpc_get_facts(const dpc_model *model);

/* Names to the model's types; a NULL name gives -1 (not in the model). */
DPC_PUBLIC dpc_status dpc_map_types(const dpc_model *model, const char *const *names, int32_t n,
                                    int32_t *types, dpc_error *error);
DPC_PUBLIC dpc_status dpc_session_new(const dpc_model *model, dpc_session **session,
                                      dpc_error *error);
DPC_PUBLIC dpc_status dpc_evaluate(dpc_session *session, const dpc_input *input, dpc_output *output,
                                   dpc_error *error);
DPC_PUBLIC void dpc_session_free(dpc_session *session);
DPC_PUBLIC void dpc_close(dpc_model *model);
DPC_PUBLIC int32_t dpc_api(void);

#ifdef __cplusplus
}
#endif
#endif
