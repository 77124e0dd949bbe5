/* fixed.h: the rounding and the table of docs/explain/fixed-point.md. */
#ifndef DPC_FIXED_H
#define DPC_FIXED_H

#include <stdint.h>

/* x / 2^shift, halves up. */
static inline int64_t dpc_rnd(int64_t x, int shift) {
  return (x + (((int64_t)1 << shift) >> 1)) >> shift;
}

static inline int64_t dpc_clip(int64_t x, int bits) {
  const int64_t most = ((int64_t)1 << (bits - 1)) - 1;
  return x > most ? most : x < -most - 1 ? -most - 1 : x;
}

static inline int32_t dpc_round(int64_t x, int shift, int bits) {
  return (int32_t)dpc_clip(dpc_rnd(x, shift), bits);
}

/* Value and slope of c0 .. c3 at t, shifts s[1 .. 3] between their fraction bits. */
static inline void dpc_cubic(const int32_t *c, int64_t t, const int *s, int32_t *value,
                             int32_t *slope) {
  const int64_t q = dpc_rnd(c[3] * t, s[3]), p2 = c[2] + q;
  const int64_t p1 = c[1] + dpc_rnd(p2 * t, s[2]);
  *value = (int32_t)(c[0] + dpc_rnd(p1 * t, s[1]));
  *slope = (int32_t)(p1 + dpc_rnd((p2 + q) * t, s[2]));
}

/* Sum of a[i] b[i]. */
static inline int64_t dpc_dot(const int32_t *restrict a, const int32_t *restrict b, int n) {
  int64_t sum = 0;
  for (int i = 0; i < n; i++) sum += (int64_t)a[i] * b[i];
  return sum;
}

#endif
