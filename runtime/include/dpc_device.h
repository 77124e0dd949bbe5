/* dpc_device.h: what the host.so of a package for a GPU adds to dpc_model.h.
 *
 * host.so says which kernels, numbers and arrays it needs and launches the kernels. libdpc
 * owns everything else: the driver, the device, memory, transfers, the neighbour list, the
 * cut into chunks, and errors. Kernels of one step are queued in order and nothing waits for
 * them but libdpc, once, at the end.
 *
 * A step: begin, then `chunk` for one range of centres after the other, then `finish`. There
 * is one chunk when its arrays fit the device, and as many as needed when they do not. A step
 * may be recorded and replayed by the driver: what is launched may depend only on dpc_step.
 */
#ifndef DPC_DEVICE_H
#define DPC_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#define DPC_DEVICE_ABI 1

/* Handles of libdpc: memory, or a part of one, on the device; a kernel; a queue of work. */
typedef struct dpc_memory dpc_memory;
typedef struct dpc_kernel dpc_kernel;
typedef struct dpc_queue dpc_queue;

/* One argument of a kernel. */
typedef struct dpc_argument {
  dpc_memory *memory; /* an array, or NULL: then … */
  const void *value;  /* … a scalar of `size` bytes. Neither: a null pointer */
  size_t size;
} dpc_argument;

/* What a plan may ask of the queue. Each returns 0, or an error that libdpc already keeps:
 * the plan returns it at once. */
typedef struct dpc_queue_calls {
  uint32_t size;
  /* `grid` counts blocks (work-groups). `shared`: bytes beyond those that the kernel declares;
   * in OpenCL they are its last argument, a __local pointer, which is not among `arguments`. */
  int32_t (*launch)(dpc_queue *, const dpc_kernel *, const uint32_t grid[3],
                    const uint32_t block[3], size_t shared, const dpc_argument *arguments,
                    int32_t count);
  int32_t (*zero)(dpc_queue *, dpc_memory *, size_t bytes);
  int32_t (*copy)(dpc_queue *, dpc_memory *to, const dpc_memory *from, size_t bytes);
} dpc_queue_calls;

/* The code for one architecture, and the file of the package that holds it. */
typedef struct dpc_code {
  const char *arch; /* "sm_80" (cubin), "compute_80" (PTX), "gfx90a", "opencl" (source) */
  const char *file; /* "bin/sm_80.cubin" */
  /* options for the driver's compiler, where it compiles source; NULL: none */
  const char *options;
} dpc_code;

/* Where a tensor is in params.safetensors. Each is copied to an array of the device once. */
typedef struct dpc_tensor {
  size_t offset, bytes;
} dpc_tensor;

/* The size in bytes of an array: the sum of these times what they count. Arrays that are
 * never in use together may be one. `center` and `row` count those of the chunk, `local` and
 * `atom` those of the system (nloc, nall): such arrays keep their contents between chunks. */
typedef struct dpc_array {
  size_t fixed, center, row, local, atom;
} dpc_array;

/* dpc_step.flags */
enum {
  DPC_STEP_DETERMINISTIC = 1, /* the same input must give the same bits */
  DPC_STEP_NEW_LIST = 2       /* the list is not that of the step before */
};

/* dpc_step.counters: int64_t numbers, zero when a step begins */
enum {
  DPC_COUNT_SEL = 0,          /* neighbours beyond sel */
  DPC_COUNT_EXTRAPOLATED = 1, /* pairs beyond the tables */
  /* 0, or 1 + a * 2^31 + b for two atoms at one place: any such pair */
  DPC_COUNT_COINCIDENT = 2,
  DPC_COUNTERS = 8
};

typedef struct dpc_step {
  uint32_t size;
  uint32_t flags;
  const dpc_queue_calls *call;
  dpc_queue *queue;
  /* in the order of the plan's tables */
  const dpc_kernel *const *kernels;
  dpc_memory *const *tensors;
  dpc_memory *const *arrays;
  /* facts of the device */
  int32_t warp; /* threads that run together: 32, 64; 1 where that has no meaning */
  int32_t multiprocessors;
  size_t shared_bytes; /* the most for one block */
  /* the system */
  int32_t nloc, nall;
  dpc_memory *coord;  /* f64[nall, 3] */
  dpc_memory *type;   /* i32[nall]; < 0: not in the model */
  dpc_memory *fparam; /* f64; NULL when the model has none */
  dpc_memory *aparam; /* f64[nloc, …], indexed by atom; NULL when the model has none */
  /* All centres, sorted by type. The k-th neighbour of centre c is
   * entries[starts[c] + k * stride] & mask, for 0 <= k < counts[c]. */
  dpc_memory *centers; /* i32[ncenters], indices into coord, < nloc */
  dpc_memory *starts;  /* i64[ncenters] */
  dpc_memory *counts;  /* i32[ncenters] */
  dpc_memory *entries; /* i32 */
  /* i64[ncenters + 1]: the sum of the counts of the centres before; row_starts[c] - row_first is
   * where rows of a chunk may go, whatever the form of the list */
  dpc_memory *row_starts;
  int64_t stride;
  int32_t mask, ncenters;
  const int32_t *type_start; /* on the host, ntypes + 1: centres of type t are those from
                                type_start[t] to type_start[t + 1] */
  int32_t most_entries;      /* the largest of counts */
  /* this chunk: `count` centres from `first`, whose lists together have `rows` entries, those
   * of the centres before them in the list `row_first`. In begin and finish: all centres. */
  int32_t first, count;
  int64_t row_first, rows;
  int32_t center_type; /* of all centres of the chunk, when the plan wants one type; else -1 */
  /* results, zero when a step begins, added to; NULL: not wanted */
  dpc_memory *energy;      /* f64[1] */
  dpc_memory *force;       /* f64[nall, 3] */
  dpc_memory *virial;      /* f64[9] */
  dpc_memory *atom_energy; /* f64[nloc], indexed by atom, written */
  dpc_memory *atom_virial; /* f64[nall, 9] */
  dpc_memory *counters;    /* i64[DPC_COUNTERS]; always there */
} dpc_step;

typedef struct dpc_device_plan {
  uint32_t size;      /* sizeof(dpc_device_plan) */
  uint32_t abi;       /* DPC_DEVICE_ABI */
  const char *driver; /* "cuda", "hip" or "opencl" */
  const dpc_code *codes;
  int32_t ncodes;
  const char *const *kernels; /* names in the code */
  int32_t nkernels;
  const dpc_tensor *tensors;
  int32_t ntensors;
  const dpc_array *arrays;
  int32_t narrays;
  int32_t most_centers; /* of a chunk; 0: any number */
  int32_t one_type;     /* not 0: the centres of a chunk must be of one type */
  /* each returns 0 or what a call returned */
  int32_t (*begin)(const dpc_step *);
  int32_t (*chunk)(const dpc_step *);
  int32_t (*finish)(const dpc_step *);
} dpc_device_plan;

#endif
