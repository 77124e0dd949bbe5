#include "device_native.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  NON_BLOCKING = 1,         /* a stream that does not wait for the default one */
  CAPTURE_THREAD_LOCAL = 1, /* other threads may go on as they like */
  FREE_SHARED = 48 << 10,   /* CUDA: more dynamic shared memory must be asked for */
  MAX_DYNAMIC_SHARED = 8,   /* the attribute that asks */
  MOST_ARGUMENTS = 64
};

const void *dpc_native_load_calls(void *library, const dpc_symbol *symbols, size_t count,
                                  const char **missing) {
  dpc_native_calls *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  *missing = dpc_load_symbols(library, symbols, count, made);
  if (*missing == NULL) return made;
  free(made);
  return NULL;
}

/* "out of memory (CUDA_ERROR_OUT_OF_MEMORY)" */
static void say(const dpc_native_calls *call, int32_t code, char *text, size_t size) {
  const char *name = NULL, *words = NULL;
  if (call->error_name != NULL) call->error_name(code, &name);
  if (call->error_text != NULL) call->error_text(code, &words);
  else if (call->error_string != NULL) words = call->error_string(code);
  snprintf(text, size, "%.100s (%.60s%s%d)", words != NULL ? words : "unknown error",
           name != NULL ? name : "", name != NULL ? ", " : "code ", code);
}

dpc_status dpc_native_check(const dpc_device *device, int32_t code, const char *what,
                            dpc_error *error) {
  if (code == 0) return DPC_OK;
  char text[200];
  say(dpc_native(device), code, text, sizeof text);
  const bool memory = code == DPC_NATIVE_OUT_OF_MEMORY;
  if (device->name[0] == '\0')
    return dpc_fail(error, memory ? DPC_ERROR_MEMORY : DPC_ERROR_DEVICE, "%s: %.100s failed: %s",
                    device->driver->title, what, text);
  return dpc_fail(error, memory ? DPC_ERROR_MEMORY : DPC_ERROR_DEVICE,
                  "%s device %d (%.60s): %.100s failed: %s", device->driver->title, device->index,
                  device->name, what, text);
}

dpc_status dpc_native_count(const dpc_device *device, int32_t *count, dpc_error *error) {
  int found = 0;
  *count = 0;
  int32_t code = dpc_native(device)->init(0);
  if (code == 0) code = dpc_native(device)->count(&found);
  if (code == DPC_NATIVE_NO_DEVICE) return DPC_OK;
  *count = found;
  return dpc_native_check(device, code, "the question for devices", error);
}

dpc_status dpc_native_describe(dpc_device *device, int number, int multiprocessors, int warp,
                               int shared, dpc_error *error) {
  const dpc_native_calls *call = dpc_native(device);
  int units = 1, threads = 32, bytes = 0;
  int32_t code = call->get_name(device->name, (int)sizeof device->name - 1, number);
  if (code == 0) code = call->total(&device->total_bytes, number);
  if (code == 0) code = call->attribute(&units, multiprocessors, number);
  if (code == 0) code = call->attribute(&threads, warp, number);
  if (code == 0) code = call->attribute(&bytes, shared, number);
  device->most_bytes = device->total_bytes;
  device->multiprocessors = units;
  device->warp = threads;
  device->shared_bytes = (size_t)bytes;
  return dpc_native_check(device, code, "a question about the device", error);
}

dpc_status dpc_native_get_kernel(const dpc_device *device, const char *name, dpc_kernel *kernel,
                                 dpc_error *error) {
  char what[128];
  snprintf(what, sizeof what, "the search for the kernel %.80s", name);
  *kernel = (dpc_kernel){.name = name};
  return dpc_native_check(
      device, dpc_native(device)->get_function(&kernel->handle, device->module, name), what, error);
}

void dpc_native_free_kernel(const dpc_device *device, dpc_kernel *kernel) {
  (void)device; /* it belongs to the module */
  *kernel = (dpc_kernel){0};
}

dpc_status dpc_native_free_bytes(const dpc_device *device, size_t *bytes, dpc_error *error) {
  size_t total;
  *bytes = 0;
  return dpc_native_check(device, dpc_native(device)->memory_info(bytes, &total),
                          "the question for free memory", error);
}

dpc_status dpc_native_allocate(const dpc_device *device, size_t bytes, dpc_memory *memory,
                               dpc_error *error) {
  char what[64];
  snprintf(what, sizeof what, "the allocation of %zu bytes", bytes);
  *memory = (dpc_memory){.bytes = bytes};
  return dpc_native_check(device, dpc_native(device)->allocate(&memory->handle, bytes), what,
                          error);
}

void dpc_native_release(const dpc_device *device, dpc_memory *memory) {
  if (memory->handle != 0) dpc_native(device)->free(memory->handle);
}

dpc_status dpc_native_open_queue(dpc_device *device, dpc_queue *queue, dpc_error *error) {
  queue->device = device;
  if (queue->borrowed) return DPC_OK;
  return dpc_native_check(device, dpc_native(device)->create_stream(&queue->handle, NON_BLOCKING),
                          "the creation of a stream", error);
}

void dpc_native_close_queue(dpc_queue *queue) {
  if (queue->handle != NULL && !queue->borrowed)
    dpc_native(queue->device)->destroy_stream(queue->handle);
  queue->handle = NULL;
}

dpc_status dpc_native_upload(dpc_queue *queue, const dpc_memory *to, const void *from, size_t bytes,
                             dpc_error *error) {
  if (bytes == 0) return DPC_OK;
  return dpc_native_check(queue->device,
                          dpc_native(queue->device)->upload(to->handle, from, bytes, queue->handle),
                          "a copy to the device", error);
}

dpc_status dpc_native_download(dpc_queue *queue, void *to, const dpc_memory *from, size_t bytes,
                               dpc_error *error) {
  if (bytes == 0) return DPC_OK;
  return dpc_native_check(
      queue->device, dpc_native(queue->device)->download(to, from->handle, bytes, queue->handle),
      "a copy from the device", error);
}

dpc_status dpc_native_zero(dpc_queue *queue, const dpc_memory *memory, size_t bytes,
                           dpc_error *error) {
  return dpc_native_check(queue->device,
                          dpc_native(queue->device)->fill(memory->handle, 0, bytes, queue->handle),
                          "the clearing of memory", error);
}

dpc_status dpc_native_copy(dpc_queue *queue, const dpc_memory *to, const dpc_memory *from,
                           size_t bytes, dpc_error *error) {
  return dpc_native_check(
      queue->device,
      dpc_native(queue->device)->copy(to->handle, from->handle, bytes, queue->handle),
      "a copy on the device", error);
}

dpc_status dpc_native_launch(dpc_queue *queue, const dpc_kernel *kernel, const uint32_t grid[3],
                             const uint32_t block[3], size_t shared, const dpc_argument *arguments,
                             int32_t count, dpc_error *error) {
  const dpc_native_calls *call = dpc_native(queue->device);
  uintptr_t addresses[MOST_ARGUMENTS];
  void *pointers[MOST_ARGUMENTS];
  char what[128];
  snprintf(what, sizeof what, "the launch of %.80s", kernel->name);
  if (count > MOST_ARGUMENTS)
    return dpc_fail(error, DPC_ERROR_DEVICE, "%s has %d arguments, but %d is the most",
                    kernel->name, count, MOST_ARGUMENTS);
  for (int32_t i = 0; i < count; i++) {
    const dpc_argument *a = &arguments[i];
    addresses[i] = a->memory != NULL ? a->memory->handle : 0;
    pointers[i] =
        a->memory == NULL && a->value != NULL ? (void *)(uintptr_t)a->value : (void *)&addresses[i];
  }
  int32_t code = 0;
  if (shared > FREE_SHARED && call->set_attribute != NULL)
    code = call->set_attribute(kernel->handle, MAX_DYNAMIC_SHARED, (int)shared);
  if (code == 0)
    code = call->launch(kernel->handle, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                        (unsigned)shared, queue->handle, pointers, NULL);
  return dpc_native_check(queue->device, code, what, error);
}

dpc_status dpc_native_wait(dpc_queue *queue, dpc_error *error) {
  return dpc_native_check(queue->device, dpc_native(queue->device)->synchronize(queue->handle),
                          "the work on the device", error);
}

dpc_status dpc_native_record(dpc_queue *queue, dpc_error *error) {
  const dpc_native_calls *call = dpc_native(queue->device);
  if (call->begin_capture == NULL || call->end_capture == NULL || call->instantiate == NULL ||
      call->launch_graph == NULL || call->destroy_exec == NULL || call->destroy_graph == NULL)
    return dpc_fail(error, DPC_ERROR_DEVICE, "this driver is too old to record a step");
  return dpc_native_check(queue->device, call->begin_capture(queue->handle, CAPTURE_THREAD_LOCAL),
                          "the recording of a step", error);
}

dpc_status dpc_native_recorded(dpc_queue *queue, void **graph, dpc_error *error) {
  const dpc_native_calls *call = dpc_native(queue->device);
  void *captured = NULL;
  *graph = NULL;
  int32_t code = call->end_capture(queue->handle, &captured);
  if (code == 0) code = call->instantiate(graph, captured, 0);
  if (captured != NULL) call->destroy_graph(captured);
  return dpc_native_check(queue->device, code, "the recording of a step", error);
}

dpc_status dpc_native_replay(dpc_queue *queue, void *graph, dpc_error *error) {
  return dpc_native_check(queue->device,
                          dpc_native(queue->device)->launch_graph(graph, queue->handle),
                          "the launch of a recorded step", error);
}

void dpc_native_forget(const dpc_device *device, void *graph) {
  if (graph != NULL) dpc_native(device)->destroy_exec(graph);
}
