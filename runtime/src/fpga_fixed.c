#include <math.h>
#include <string.h>

#include "fpga_driver.h"

enum { AXES = 3, FIELDS = 4 };
#define COORD_UNIT 4194304.0       /* 1/Å: 22 fraction bits */
#define FORCE_UNIT 0x1p-22         /* eV/Å */
#define MAGIC 6755399441055744.0   /* 1.5 * 2^52: added, a whole number is in the low bits */
#define FARTHEST 2251799813685248. /* 2^51: beyond, it is not */

typedef uint32_t record __attribute__((vector_size(16)));

/* The nearest whole number, halves up: floor(x + 0.5), without a call where the processor has
 * no such instruction. */
static double nearest(double x) {
  const double y = x * COORD_UNIT + 0.5, near = (y + MAGIC) - MAGIC;
  return near > y ? near - 1.0 : near;
}

static uint32_t low_bits(double whole) {
  const double shifted = whole + MAGIC;
  uint64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  return (uint32_t)bits;
}

static dpc_status refuse(const dpc_fpga_frame *frame, dpc_error *error) {
  size_t i = 0;
  while (fabs(frame->coord[i]) * COORD_UNIT < FARTHEST) i++;
  return dpc_fail(error, DPC_ERROR_ARGUMENT, "coord of atom %zu is %g Å", i / AXES,
                  frame->coord[i]);
}

dpc_status dpc_fpga_to_fixed(const dpc_fpga_frame *frame, int32_t *records, double *extent,
                             dpc_error *error) {
  double low[AXES] = {INFINITY, INFINITY, INFINITY};
  double high[AXES] = {-INFINITY, -INFINITY, -INFINITY};
  int bad = 0;
  for (size_t i = 0; i < (size_t)frame->nall; i++) {
    record r = {0, 0, 0, (uint32_t)frame->type[i]};
    for (int k = 0; k < AXES; k++) {
      const double x = frame->coord[AXES * i + (size_t)k], whole = nearest(x);
      bad |= !(fabs(x) * COORD_UNIT < FARTHEST);
      low[k] = whole < low[k] ? whole : low[k];
      high[k] = whole > high[k] ? whole : high[k];
      r[k] = low_bits(whole);
    }
    memcpy(records + FIELDS * i, &r, sizeof r);
  }
  if (bad) return refuse(frame, error);
  *extent = 0;
  for (int k = 0; k < AXES; k++)
    if (high[k] - low[k] > *extent) *extent = high[k] - low[k];
  return DPC_OK;
}

void dpc_fpga_gather(const int32_t *records, const int32_t *atoms, size_t count, void *to) {
  record origin = {0, 0, 0, 0};
  if (count > 0) memcpy(&origin, records + FIELDS * (size_t)atoms[0], sizeof origin);
  origin[AXES] = 0; /* of the types nothing is subtracted */
  for (size_t i = 0; i < count; i++) {
    record r;
    memcpy(&r, records + FIELDS * (size_t)atoms[i], sizeof r);
    r -=
        origin; /* exact wherever the origin is: differences that fit 32 bits survive the modulus */
    memcpy((char *)to + i * sizeof r, &r, sizeof r);
  }
}

dpc_status dpc_fpga_check_block(const dpc_fpga_frame *frame, const int32_t *atoms, size_t count,
                                dpc_error *error) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < AXES; k++) {
      const double x = nearest(frame->coord[AXES * (size_t)atoms[i] + k]) -
                       nearest(frame->coord[AXES * (size_t)atoms[0] + k]);
      if (x < INT32_MIN || x > INT32_MAX)
        return dpc_fail(error, DPC_ERROR_LIMIT,
                        "atoms %d and %d of one block are %g Å apart, more than the circuit's 512. "
                        "Is the neighbour list that of these positions?",
                        atoms[0], atoms[i], x / COORD_UNIT);
    }
  return DPC_OK;
}

void dpc_fpga_scatter(const void *results, const int32_t *atoms, size_t count, double *force) {
  for (size_t i = 0; i < count; i++) {
    int32_t word[FIELDS];
    memcpy(word, (const char *)results + i * sizeof word, sizeof word);
    double *to = force + AXES * (size_t)atoms[i];
    for (size_t k = 0; k < AXES; k++) to[k] += word[k] * FORCE_UNIT;
  }
}
