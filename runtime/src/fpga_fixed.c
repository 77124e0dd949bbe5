#include <math.h>
#include <string.h>

#include "fpga_driver.h"

enum { AXES = 3, FIELDS = 4 };
#define FORCE_UNIT 0x1p-22         /* eV/Å */
#define MAGIC 6755399441055744.0   /* 1.5 * 2^52: added, a whole number is in the low bits */
#define FARTHEST 2251799813685248. /* 2^51: beyond, it is not */

typedef uint32_t record __attribute__((vector_size(16)));
typedef double two __attribute__((vector_size(16)));
typedef int64_t bits __attribute__((vector_size(16)));

/* The nearest whole numbers, halves up: floor(x + 0.5), without a call or a branch. */
static inline two nearest(two x) {
  const two y = x * DPC_FPGA_COORD_UNIT + 0.5, near = (y + MAGIC) - MAGIC, one = {1, 1};
  return near - (two)((bits)one & (bits)(near > y));
}

static inline two select(bits mask, two yes, two no) {
  return (two)((mask & (bits)yes) | (~mask & (bits)no));
}

static dpc_status refuse(const dpc_fpga_frame *frame, dpc_error *error) {
  size_t i = 0;
  while (fabs(frame->coord[i]) * DPC_FPGA_COORD_UNIT < FARTHEST) i++;
  return dpc_fail(error, DPC_ERROR_ARGUMENT, "coord of atom %zu is %g Å", i / AXES,
                  frame->coord[i]);
}

/* What is found on the way: the smallest and largest numbers, and whether all are good. */
typedef struct range {
  two low[AXES], high[AXES];
  bits good;
} range;

/* Two atoms: six numbers, x y, z x, y z. */
static inline void convert_pair(const double *coord, int32_t *records, range *found) {
  int32_t *const to[2 * AXES] = {records,     records + 1, records + 2,
                                 records + 4, records + 5, records + 6};
  for (int k = 0; k < AXES; k++) {
    two x;
    memcpy(&x, coord + 2 * k, sizeof x);
    x = nearest(x);
    found->good &= (bits)(x < FARTHEST) & (bits)(x > -FARTHEST);
    found->low[k] = select((bits)(x < found->low[k]), x, found->low[k]);
    found->high[k] = select((bits)(x > found->high[k]), x, found->high[k]);
    const bits whole = (bits)(x + MAGIC);
    *to[2 * k] = (int32_t)whole[0];
    *to[2 * k + 1] = (int32_t)whole[1];
  }
}

/* The smallest and the largest of an axis are in every third number. */
static double widest(const range *found) {
  double most = 0;
  for (int axis = 0; axis < AXES; axis++) {
    const int a = axis, b = axis + AXES; /* among six */
    const double low = fmin(found->low[a / 2][a % 2], found->low[b / 2][b % 2]);
    const double high = fmax(found->high[a / 2][a % 2], found->high[b / 2][b % 2]);
    most = fmax(most, high - low);
  }
  return most;
}

dpc_status dpc_fpga_to_fixed(const dpc_fpga_frame *frame, int32_t *records, double *extent,
                             dpc_error *error) {
  const two above = {INFINITY, INFINITY};
  range found = {.low = {above, above, above}, .high = {-above, -above, -above}, .good = {-1, -1}};
  const size_t n = (size_t)frame->nall;
  for (size_t i = 0; i + 1 < n; i += 2)
    convert_pair(frame->coord + AXES * i, records + FIELDS * i, &found);
  if (n % 2) { /* the last one twice */
    double last[2 * AXES];
    int32_t to[2 * FIELDS];
    memcpy(last, frame->coord + AXES * (n - 1), AXES * sizeof *last);
    memcpy(last + AXES, last, AXES * sizeof *last);
    convert_pair(last, to, &found);
    memcpy(records + FIELDS * (n - 1), to, FIELDS * sizeof *to);
  }
  for (size_t i = 0; i < n; i++) records[FIELDS * i + AXES] = frame->type[i];
  if (!(found.good[0] & found.good[1])) return refuse(frame, error);
  *extent = n > 0 ? widest(&found) : 0;
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
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < AXES; k++) {
      const two pair = {frame->coord[AXES * (size_t)atoms[i] + k],
                        frame->coord[AXES * (size_t)atoms[0] + k]};
      const double x = nearest(pair)[0] - nearest(pair)[1];
      if (x < INT32_MIN || x > INT32_MAX)
        return dpc_fail(error, DPC_ERROR_LIMIT,
                        "atoms %d and %d of one block are %g Å apart, more than the circuit's 512. "
                        "Is the neighbour list that of these positions?",
                        atoms[0], atoms[i], x / DPC_FPGA_COORD_UNIT);
    }
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
