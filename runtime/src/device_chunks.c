#include "device_chunks.h"

size_t dpc_array_bytes(const dpc_array *array, const dpc_extent *extent, int64_t centers,
                       int64_t rows) {
  return array->fixed + array->center * (size_t)centers + array->row * (size_t)rows +
         array->local * (size_t)extent->nloc + array->atom * (size_t)extent->nall;
}

typedef struct room {
  size_t budget, largest;
} room;

/* Bytes of the arrays of a chunk; SIZE_MAX when one of them is too large. */
static size_t bytes_of(const dpc_device_plan *plan, const dpc_extent *e, int64_t centers,
                       int64_t rows, size_t largest) {
  size_t all = 0;
  for (int32_t i = 0; i < plan->narrays; i++) {
    if (!dpc_is_of_chunk(&plan->arrays[i])) continue;
    const size_t bytes = dpc_array_bytes(&plan->arrays[i], e, centers, rows);
    if (bytes > largest) return SIZE_MAX;
    all += bytes;
  }
  return all;
}

static bool fits(const dpc_device_plan *plan, const dpc_extent *e, int32_t first, int32_t count,
                 const room *r) {
  const int64_t rows = e->row_start[first + count] - e->row_start[first];
  return count == 0 || bytes_of(plan, e, count, rows, r->largest) <= r->budget;
}

/* The most centres from `first`, before `end`, that fit. */
static int32_t fit(const dpc_device_plan *plan, const dpc_extent *e, int32_t first, int32_t end,
                   const room *r) {
  int32_t low = 0, high = end - first;
  if (plan->most_centers > 0 && high > plan->most_centers) high = plan->most_centers;
  while (low < high) { /* low fits, everything above high does not */
    const int32_t middle = high - (high - low) / 2;
    if (fits(plan, e, first, middle, r)) low = middle;
    else high = middle - 1;
  }
  return low;
}

dpc_status dpc_chunks_cut(dpc_chunks *chunks, const dpc_device_plan *plan, const dpc_extent *e,
                          size_t budget, size_t largest, size_t *smallest, dpc_error *error) {
  const room r = {.budget = budget, .largest = largest};
  const int32_t ranges = plan->one_type ? e->ntypes : 1;
  chunks->count = 0;
  chunks->centers = chunks->rows = 0;
  for (int32_t t = 0; t < ranges; t++) {
    int32_t first = plan->one_type ? e->type_start[t] : 0;
    const int32_t end = plan->one_type ? e->type_start[t + 1] : e->ncenters;
    while (first < end) {
      const int32_t count = fit(plan, e, first, end, &r);
      if (count == 0) {
        *smallest = bytes_of(plan, e, 1, e->row_start[first + 1] - e->row_start[first], SIZE_MAX);
        return DPC_ERROR_LIMIT;
      }
      const dpc_status status =
          dpc_extend(&chunks->buffer, (size_t)chunks->count * sizeof *chunks->list,
                     (size_t)chunks->count + 1, sizeof *chunks->list, error);
      if (status != DPC_OK) return status;
      chunks->list = chunks->buffer.data;
      chunks->list[chunks->count++] =
          (dpc_chunk){.first = first, .count = count, .type = plan->one_type ? t : -1};
      const int64_t rows = e->row_start[first + count] - e->row_start[first];
      if (count > chunks->centers) chunks->centers = count;
      if (rows > chunks->rows) chunks->rows = rows;
      first += count;
    }
  }
  chunks->bytes = bytes_of(plan, e, chunks->centers, chunks->rows, SIZE_MAX);
  return DPC_OK;
}
