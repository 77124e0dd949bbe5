/* workspace.h: memory that a session keeps: grown, never shrunk, 64-byte aligned.
 *
 * Growth leaves some room, so that a system whose ghosts and neighbours fluctuate
 * reaches a state in which nothing is allocated.
 */
#ifndef DPC_WORKSPACE_H
#define DPC_WORKSPACE_H

#include "dpc.h"
#include "error.h"

typedef struct dpc_buffer {
  void *data;
  size_t bytes;
} dpc_buffer;

/* At least `count` items of `size` bytes; what was there is lost if it has to grow. */
dpc_status dpc_reserve(dpc_buffer *buffer, size_t count, size_t size, dpc_error *error);

/* The same, but the first `used` bytes survive. */
dpc_status dpc_extend(dpc_buffer *buffer, size_t used, size_t count, size_t size, dpc_error *error);

void dpc_release(dpc_buffer *buffer);

#endif
