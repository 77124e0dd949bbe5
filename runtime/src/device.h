/* device.h: a device and what every driver can do with one.
 *
 * The drivers' libraries are opened when a package asks for them, so that one libdpc serves
 * machines with and without a GPU. CUDA and HIP share device_native.c.
 */
#ifndef DPC_DEVICE_INTERNAL_H
#define DPC_DEVICE_INTERNAL_H

#include <stdbool.h>

#include "dpc.h"
#include "dpc_device.h"
#include "error.h"

typedef struct dpc_driver dpc_driver;

typedef struct dpc_device {
  const dpc_driver *driver;
  void *library;     /* of the driver: dlopen */
  const void *calls; /* its functions */
  void *own;         /* the driver's: a context */
  void *module;      /* the loaded code */
  int32_t index;
  bool borrowed; /* the context is the caller's */
  char name[128];
  char arch[64]; /* "sm_90", "gfx942", "opencl"; "" when the driver does not say */
  size_t total_bytes;
  size_t most_bytes; /* of one allocation */
  size_t limit;      /* the most that we take; 0: no limit but the device's */
  size_t taken;      /* bytes that we hold: atomic, sessions share a device */
  int32_t warp, multiprocessors;
  size_t shared_bytes;
} dpc_device;

struct dpc_memory {
  uintptr_t handle; /* CUDA and HIP: the address; OpenCL: a cl_mem. 0: none */
  size_t bytes;     /* that can be used */
};

struct dpc_kernel {
  void *handle;
  const char *name;
};

struct dpc_queue {
  dpc_device *device;
  void *handle;
  bool borrowed;    /* the caller's stream */
  dpc_error *error; /* where failures of the plan's calls go */
};

struct dpc_driver {
  const char *name;    /* as plans name it: "cuda" */
  const char *title;   /* as messages name it: "CUDA" */
  const char *library; /* "libcuda.so.1", or several names with a space between */
  const char *remedy;  /* what to do when it is missing */
  /* the functions of the library; NULL and the name of one that is missing */
  const void *(*load_calls)(void *library, const char **missing);
  dpc_status (*count)(const dpc_device *, int32_t *count, dpc_error *);
  /* device->index, library and calls are set; `context`: the caller's or NULL */
  dpc_status (*open)(dpc_device *, void *context, dpc_error *);
  void (*close)(dpc_device *);
  /* makes the device current for this thread */
  dpc_status (*enter)(const dpc_device *, dpc_error *);
  /* how well it runs code for `arch`: the more the better, 0: not at all */
  int32_t (*rank)(const dpc_device *, const char *arch);
  /* into device->module */
  dpc_status (*load)(dpc_device *, const void *code, size_t bytes, const char *options,
                     dpc_error *);
  dpc_status (*get_kernel)(const dpc_device *, const char *name, dpc_kernel *, dpc_error *);
  void (*free_kernel)(const dpc_device *, dpc_kernel *);
  dpc_status (*free_bytes)(const dpc_device *, size_t *bytes, dpc_error *);
  /* DPC_ERROR_MEMORY when there is not enough */
  dpc_status (*allocate)(const dpc_device *, size_t bytes, dpc_memory *, dpc_error *);
  void (*release)(const dpc_device *, dpc_memory *);
  dpc_status (*open_queue)(dpc_device *, dpc_queue *, dpc_error *);
  void (*close_queue)(dpc_queue *);
  /* queued; host memory must stay as it is until `wait` */
  dpc_status (*upload)(dpc_queue *, const dpc_memory *to, const void *from, size_t bytes,
                       dpc_error *);
  dpc_status (*download)(dpc_queue *, void *to, const dpc_memory *from, size_t bytes, dpc_error *);
  dpc_status (*zero)(dpc_queue *, const dpc_memory *, size_t bytes, dpc_error *);
  dpc_status (*copy)(dpc_queue *, const dpc_memory *to, const dpc_memory *from, size_t bytes,
                     dpc_error *);
  dpc_status (*launch)(dpc_queue *, const dpc_kernel *, const uint32_t grid[3],
                       const uint32_t block[3], size_t shared, const dpc_argument *arguments,
                       int32_t count, dpc_error *);
  dpc_status (*wait)(dpc_queue *, dpc_error *);
  /* NULL where the driver has no graphs: from `record` to `recorded` nothing runs, what is
   * queued becomes a graph, which `replay` queues as a whole */
  dpc_status (*record)(dpc_queue *, dpc_error *);
  dpc_status (*recorded)(dpc_queue *, void **graph, dpc_error *);
  dpc_status (*replay)(dpc_queue *, void *graph, dpc_error *);
  void (*forget)(const dpc_device *, void *graph);
};

extern const dpc_driver dpc_driver_cuda, dpc_driver_hip, dpc_driver_opencl;

/* device.c */

/* The driver that a plan names, NULL when there is none of that name. */
const dpc_driver *dpc_driver_find(const char *name);

/* Opens the driver's library and its device `index`; -1: by the rank of this process among
 * those of its machine, as launchers of MPI tell it. `context` is the caller's or NULL. */
dpc_status dpc_device_open(const dpc_driver *driver, int32_t index, void *context, size_t limit,
                           dpc_device *device, dpc_error *error);
void dpc_device_close(dpc_device *device);

/* The rank among the processes of this machine that a launcher put into the environment;
 * -1 when there is none. */
int32_t dpc_local_rank(void);

/* device_memory.c: allocation within the limit, and memory that grows. */
dpc_status dpc_device_allocate(dpc_device *device, size_t bytes, dpc_memory *memory,
                               dpc_error *error);
void dpc_device_release(dpc_device *device, dpc_memory *memory);
/* At least `bytes`; the contents are lost if it has to grow. The first time it is as large as
 * asked for, later it gets some room, so that a system that fluctuates stops growing. */
dpc_status dpc_device_grow(dpc_device *device, dpc_memory *memory, size_t bytes, dpc_error *error);
/* The same, with a message that names `what` and atoms. */
dpc_status dpc_device_reserve(dpc_device *device, dpc_memory *memory, size_t bytes,
                              const char *what, int32_t atoms, dpc_error *error);
/* What can still be taken, by the device and by the limit. */
dpc_status dpc_device_available(dpc_device *device, size_t *bytes, dpc_error *error);

/* device_calls.c: what a plan may call. */
extern const dpc_queue_calls dpc_plan_calls;

/* library functions by name into a table of pointers; the name of one that is missing */
typedef struct dpc_symbol {
  const char *name;
  size_t offset; /* in the table */
  bool optional; /* NULL there when it is missing */
} dpc_symbol;
const char *dpc_load_symbols(void *library, const dpc_symbol *symbols, size_t count, void *table);

#endif
