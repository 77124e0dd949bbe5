#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

enum { ALIGNMENT = 64 };

dpc_status dpc_extend(dpc_buffer *buffer, size_t used, size_t count, size_t size,
                      dpc_error *error) {
  if (count > SIZE_MAX / 2 / size) return dpc_out_of_memory(error, SIZE_MAX);
  size_t bytes = count * size;
  if (bytes <= buffer->bytes && buffer->data != NULL) return DPC_OK;
  bytes += bytes / 4;
  bytes = (bytes / ALIGNMENT + 1) * ALIGNMENT;
  void *data = aligned_alloc(ALIGNMENT, bytes);
  if (data == NULL) return dpc_out_of_memory(error, bytes);
  if (used > 0) memcpy(data, buffer->data, used);
  free(buffer->data);
  *buffer = (dpc_buffer){.data = data, .bytes = bytes};
  return DPC_OK;
}

dpc_status dpc_reserve(dpc_buffer *buffer, size_t count, size_t size, dpc_error *error) {
  return dpc_extend(buffer, 0, count, size, error);
}

void dpc_release(dpc_buffer *buffer) {
  free(buffer->data);
  *buffer = (dpc_buffer){0};
}
