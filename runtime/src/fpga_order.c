/* Centres along a curve that fills space (Morton's), so that blocks share few neighbours. */
#include <string.h>

#include "fpga_blocks.h"

enum { AXES = 3, BITS = 10, MASK = (1 << BITS) - 1 };
static const double SMALLEST = 2.0; /* Å: of the curve's cells */

/* The bits of x, two zeros between each and the next. */
static uint32_t spread(uint32_t x) {
  x = (x | x << 16) & 0x030000ffu;
  x = (x | x << 8) & 0x0300f00fu;
  x = (x | x << 4) & 0x030c30c3u;
  return (x | x << 2) & 0x09249249u;
}

/* Sorts by the code in the upper half, digit by digit of BITS bits; `other` is as large. In place
 * of qsort, which allocates. */
static void sort(uint64_t *keys, uint64_t *other, size_t n) {
  for (int digit = 0; digit < AXES; digit++) {
    const int shift = 32 + digit * BITS;
    size_t start[(1 << BITS) + 1] = {0};
    for (size_t i = 0; i < n; i++) start[(keys[i] >> shift & MASK) + 1]++;
    for (size_t k = 0; k < MASK; k++) start[k + 1] += start[k];
    for (size_t i = 0; i < n; i++) other[start[keys[i] >> shift & MASK]++] = keys[i];
    memcpy(keys, other, n * sizeof *keys);
  }
}

dpc_status dpc_fpga_order(const dpc_fpga_frame *frame, dpc_fpga_blocks *blocks, dpc_error *error) {
  const size_t n = (size_t)frame->count;
  dpc_status status = dpc_reserve(&blocks->order_buffer, n, sizeof(int32_t), error);
  if (status == DPC_OK) status = dpc_reserve(&blocks->keys, 2 * n, sizeof(uint64_t), error);
  if (status != DPC_OK) return status;
  uint64_t *keys = blocks->keys.data;
  blocks->order = blocks->order_buffer.data;
  double low[AXES], high[AXES], scale[AXES];
  for (int k = 0; k < AXES; k++) {
    low[k] = high[k] = n > 0 ? frame->coord[AXES * (size_t)frame->centers[0] + (size_t)k] : 0;
    for (size_t i = 0; i < n; i++) {
      const double x = frame->coord[AXES * (size_t)frame->centers[i] + (size_t)k];
      low[k] = x < low[k] ? x : low[k];
      high[k] = x > high[k] ? x : high[k];
    }
    const double cell = (high[k] - low[k]) / MASK;
    scale[k] = 1 / (cell > SMALLEST ? cell : SMALLEST);
  }
  for (size_t i = 0; i < n; i++) {
    uint32_t code = 0;
    for (int k = 0; k < AXES; k++) {
      const double x = frame->coord[AXES * (size_t)frame->centers[i] + (size_t)k];
      code |= spread((uint32_t)((x - low[k]) * scale[k])) << k;
    }
    keys[i] = (uint64_t)code << 32 | i;
  }
  sort(keys, keys + n, n);
  for (size_t i = 0; i < n; i++) blocks->order[i] = (int32_t)(uint32_t)keys[i];
  return DPC_OK;
}
