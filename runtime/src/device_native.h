/* device_native.h: what the drivers of CUDA and HIP have in common, which is nearly all. */
#ifndef DPC_DEVICE_NATIVE_H
#define DPC_DEVICE_NATIVE_H

#include "device.h"

/* CUDA's driver API by the names of its _v2 functions, HIP's by the same ideas: on 64 bits
 * the arguments are the same, down to the stream and the address. */
typedef struct dpc_native_calls {
  int32_t (*init)(uint32_t);
  int32_t (*count)(int *);
  int32_t (*get_device)(int *, int index);
  int32_t (*get_name)(char *, int size, int device);
  int32_t (*total)(size_t *, int device);
  int32_t (*attribute)(int *, int which, int device);
  int32_t (*memory_info)(size_t *free, size_t *total);
  int32_t (*allocate)(uintptr_t *, size_t);
  int32_t (*free)(uintptr_t);
  int32_t (*upload)(uintptr_t, const void *, size_t, void *stream);
  int32_t (*download)(void *, uintptr_t, size_t, void *stream);
  int32_t (*copy)(uintptr_t, uintptr_t, size_t, void *stream);
  int32_t (*fill)(uintptr_t, unsigned char, size_t, void *stream);
  int32_t (*unload)(void *module);
  int32_t (*get_function)(void **, void *module, const char *);
  int32_t (*launch)(void *function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                    unsigned shared, void *stream, void **arguments, void **extra);
  int32_t (*create_stream)(void **, unsigned flags);
  int32_t (*destroy_stream)(void *);
  int32_t (*synchronize)(void *stream);
  int32_t (*begin_capture)(void *stream, int mode);
  int32_t (*end_capture)(void *stream, void **graph);
  int32_t (*instantiate)(void **, void *graph, unsigned long long flags);
  int32_t (*launch_graph)(void *, void *stream);
  int32_t (*destroy_exec)(void *);
  int32_t (*destroy_graph)(void *);
  /* CUDA */
  int32_t (*retain)(void **context, int device);
  int32_t (*release)(int device);
  int32_t (*set_current)(void *context);
  int32_t (*load_explained)(void **module, const void *image, unsigned, int *, void **);
  int32_t (*set_attribute)(void *function, int which, int value);
  int32_t (*error_name)(int32_t, const char **);
  int32_t (*error_text)(int32_t, const char **);
  /* HIP */
  int32_t (*set_device)(int);
  int32_t (*load)(void **module, const void *image);
  int32_t (*properties)(void *, int device);
  const char *(*error_string)(int32_t);
} dpc_native_calls;

enum {
  DPC_NATIVE_OUT_OF_MEMORY = 2, /* in both */
  DPC_NATIVE_NO_DEVICE = 100
};

#define DPC_NATIVE_SYMBOL(name, member) {name, offsetof(dpc_native_calls, member), false}
#define DPC_NATIVE_OPTIONAL(name, member) {name, offsetof(dpc_native_calls, member), true}

static inline const dpc_native_calls *dpc_native(const dpc_device *device) { return device->calls; }

/* A new table from the library. */
const void *dpc_native_load_calls(void *library, const dpc_symbol *symbols, size_t count,
                                  const char **missing);

/* DPC_OK, or a message with what failed and the driver's own words. */
dpc_status dpc_native_check(const dpc_device *device, int32_t code, const char *what,
                            dpc_error *error);

/* name, total_bytes; `multiprocessors`, `warp`, `shared`: which attributes say them */
dpc_status dpc_native_describe(dpc_device *device, int number, int multiprocessors, int warp,
                               int shared, dpc_error *error);

dpc_status dpc_native_count(const dpc_device *, int32_t *count, dpc_error *);
dpc_status dpc_native_get_kernel(const dpc_device *, const char *name, dpc_kernel *, dpc_error *);
void dpc_native_free_kernel(const dpc_device *, dpc_kernel *);
dpc_status dpc_native_free_bytes(const dpc_device *, size_t *bytes, dpc_error *);
dpc_status dpc_native_allocate(const dpc_device *, size_t bytes, dpc_memory *, dpc_error *);
void dpc_native_release(const dpc_device *, dpc_memory *);
dpc_status dpc_native_open_queue(dpc_device *, dpc_queue *, dpc_error *);
void dpc_native_close_queue(dpc_queue *);
dpc_status dpc_native_upload(dpc_queue *, const dpc_memory *, const void *, size_t, dpc_error *);
dpc_status dpc_native_download(dpc_queue *, void *, const dpc_memory *, size_t, dpc_error *);
dpc_status dpc_native_zero(dpc_queue *, const dpc_memory *, size_t, dpc_error *);
dpc_status dpc_native_copy(dpc_queue *, const dpc_memory *, const dpc_memory *, size_t,
                           dpc_error *);
dpc_status dpc_native_launch(dpc_queue *, const dpc_kernel *, const uint32_t grid[3],
                             const uint32_t block[3], size_t shared, const dpc_argument *,
                             int32_t count, dpc_error *);
dpc_status dpc_native_wait(dpc_queue *, dpc_error *);
dpc_status dpc_native_record(dpc_queue *, dpc_error *);
dpc_status dpc_native_recorded(dpc_queue *, void **graph, dpc_error *);
dpc_status dpc_native_replay(dpc_queue *, void *graph, dpc_error *);
void dpc_native_forget(const dpc_device *, void *graph);

#define DPC_NATIVE_FUNCTIONS                                                                       \
  .count = dpc_native_count, .get_kernel = dpc_native_get_kernel,                                  \
  .free_kernel = dpc_native_free_kernel, .free_bytes = dpc_native_free_bytes,                      \
  .allocate = dpc_native_allocate, .release = dpc_native_release,                                  \
  .open_queue = dpc_native_open_queue, .close_queue = dpc_native_close_queue,                      \
  .upload = dpc_native_upload, .download = dpc_native_download, .zero = dpc_native_zero,           \
  .copy = dpc_native_copy, .launch = dpc_native_launch, .wait = dpc_native_wait,                   \
  .record = dpc_native_record, .recorded = dpc_native_recorded, .replay = dpc_native_replay,       \
  .forget = dpc_native_forget

#endif
