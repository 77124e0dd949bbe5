/* What the host counts for the circuit: neighbours beyond sel, and those that are too near. */
#include <math.h>
#include <string.h>

#include "device_fpga.h"

enum { AXES = 3, FIELDS = 4, COORD_FRAC = 22 };

/* |r|^2 of two atoms, as the circuit rounds it. */
static int64_t square(const dpc_fpga_model *model, const double *a, const double *b) {
  uint64_t sum = 0;
  for (int k = 0; k < AXES; k++) {
    int64_t r = (int64_t)floor(b[k] * DPC_FPGA_COORD_UNIT + 0.5) -
                (int64_t)floor(a[k] * DPC_FPGA_COORD_UNIT + 0.5);
    r = r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r;
    sum += (uint64_t)(r * r);
  }
  const int shift = 2 * COORD_FRAC - model->u_frac;
  return (int64_t)((sum + (UINT64_C(1) << (shift - 1))) >> shift);
}

/* 1 for a neighbour within the cutoff. Differences modulo 2^32 do, as a list holds no atom 512 Å
 * away. */
static inline size_t is_near(const int32_t *a, const int32_t *b, uint64_t limit) {
  uint64_t sum = 0;
  for (int k = 0; k < AXES; k++) {
    const int64_t r = (int32_t)((uint32_t)b[k] - (uint32_t)a[k]);
    sum += (uint64_t)(r * r);
  }
  return sum < limit;
}

int64_t dpc_fpga_count_sel(const dpc_fpga_model *model, const dpc_fpga_frame *frame,
                           const int32_t *records, size_t *of_type) {
  const int shift = 2 * COORD_FRAC - model->u_frac;
  const uint64_t limit = ((uint64_t)model->u_cut << shift) - (UINT64_C(1) << (shift - 1));
  const int32_t ntypes = model->circuit.ntypes;
  int64_t found = 0;
  for (int32_t c = 0; c < frame->count; c++) {
    const int32_t *here = records + FIELDS * (size_t)frame->centers[c];
    const int32_t *near = frame->neighbors[c];
    memset(of_type, 0, (size_t)(ntypes + 1) * sizeof *of_type); /* the first: of no type */
    for (int32_t k = 0; k < frame->numneigh[c]; k++) {
      const int32_t *there = records + FIELDS * (size_t)(near[k] & frame->mask);
      of_type[there[AXES] < 0 ? 0 : there[AXES] + 1] += is_near(here, there, limit);
    }
    for (int32_t t = 0; t < ntypes; t++)
      if ((double)of_type[t + 1] > model->most[t])
        found += (int64_t)of_type[t + 1] - (int64_t)model->most[t];
  }
  return found;
}

int64_t dpc_fpga_count_near(const dpc_fpga_model *model, const dpc_fpga_frame *frame,
                            int32_t *pair) {
  int64_t found = 0;
  pair[0] = pair[1] = -1;
  for (int32_t c = 0; c < frame->count; c++) {
    const double *here = frame->coord + AXES * (size_t)frame->centers[c];
    for (int32_t k = 0; k < frame->numneigh[c]; k++) {
      const int32_t j = frame->neighbors[c][k] & frame->mask;
      if (frame->type[j] < 0) continue;
      const int64_t u = square(model, here, frame->coord + AXES * (size_t)j);
      found += u < model->u_min;
      if (u == 0 && pair[0] < 0) pair[0] = frame->centers[c], pair[1] = j;
    }
  }
  return found;
}
