#include "device.h"

static int32_t launch(dpc_queue *queue, const dpc_kernel *kernel, const uint32_t grid[3],
                      const uint32_t block[3], size_t shared, const dpc_argument *arguments,
                      int32_t count) {
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) return DPC_OK; /* no work is no error */
  return queue->device->driver->launch(queue, kernel, grid, block, shared, arguments, count,
                                       queue->error);
}

/* Beyond the end of memory the device would fail, or not: later, elsewhere and without a name. */
static int32_t check(const dpc_queue *queue, const dpc_memory *memory, size_t bytes) {
  if (memory != NULL && bytes <= memory->bytes) return DPC_OK;
  return dpc_fail(queue->error, DPC_ERROR_DEVICE,
                  "bin/host.so asks for %zu bytes of an array of %zu. Compile the model again",
                  bytes, memory != NULL ? memory->bytes : 0);
}

static int32_t zero(dpc_queue *queue, dpc_memory *memory, size_t bytes) {
  if (bytes == 0) return DPC_OK;
  const int32_t status = check(queue, memory, bytes);
  if (status != DPC_OK) return status;
  return queue->device->driver->zero(queue, memory, bytes, queue->error);
}

static int32_t copy(dpc_queue *queue, dpc_memory *to, const dpc_memory *from, size_t bytes) {
  if (bytes == 0) return DPC_OK;
  int32_t status = check(queue, to, bytes);
  if (status == DPC_OK) status = check(queue, from, bytes);
  if (status != DPC_OK) return status;
  return queue->device->driver->copy(queue, to, from, bytes, queue->error);
}

const dpc_queue_calls dpc_plan_calls = {
    .size = sizeof dpc_plan_calls, .launch = launch, .zero = zero, .copy = copy};
