/* device_chunks.h: the centres of a step, cut so that the arrays of one part fit the device. */
#ifndef DPC_DEVICE_CHUNKS_H
#define DPC_DEVICE_CHUNKS_H

#include <stdbool.h>

#include "dpc_device.h"
#include "workspace.h"

typedef struct dpc_chunk {
  int32_t first, count;
  int32_t type; /* of all, or -1 */
} dpc_chunk;

/* What the sizes of arrays depend on. */
typedef struct dpc_extent {
  int32_t nloc, nall, ncenters, ntypes;
  const int32_t *type_start; /* ntypes + 1 */
  const int64_t *row_start;  /* ncenters + 1: list entries of the centres before */
} dpc_extent;

typedef struct dpc_chunks {
  dpc_chunk *list;
  int32_t count;
  int64_t centers, rows; /* the most of any one */
  size_t bytes;          /* of arrays for so many */
  dpc_buffer buffer;
} dpc_chunks;

/* Arrays that a chunk fills, in contrast to those that last a step. */
static inline bool dpc_is_of_chunk(const dpc_array *array) {
  return array->center > 0 || array->row > 0;
}

size_t dpc_array_bytes(const dpc_array *array, const dpc_extent *extent, int64_t centers,
                       int64_t rows);

/* As few chunks as the arrays of one can be with `budget` bytes, none of them larger than
 * `largest`. `smallest`: bytes of a centre for which that is not enough: DPC_ERROR_LIMIT,
 * without a message. */
dpc_status dpc_chunks_cut(dpc_chunks *chunks, const dpc_device_plan *plan, const dpc_extent *extent,
                          size_t budget, size_t largest, size_t *smallest, dpc_error *error);

#endif
