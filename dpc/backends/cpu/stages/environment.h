/* environment.h: rows of the environment matrix and their chain rule.
 *
 *   s(r) = w(r) / r,  w = 1 below rcut_smth, u^3 (-6 u^2 + 15 u - 10) + 1 above,
 *   u = (r - rcut_smth) / (rcut - rcut_smth)
 *   env = ((s, s x/r, s y/r, s z/r) - mean) / std
 */
#ifndef DPC_ENVIRONMENT_H
#define DPC_ENVIRONMENT_H

#include "rows.h"

/* Two atoms nearer than this (angstrom, squared) count as one place. */
#define DPC_COINCIDENT2 ((dpc_real)1e-16)

typedef struct dpc_environment {
  dpc_real cutoff, smooth; /* rcut, rcut_smth */
  dpc_real lower, upper;   /* of the tables, in units of env[0]; unused without tables */
  dpc_real stride;
  int32_t pieces; /* rows of a table, the last one from `upper` on */
} dpc_environment;

static inline dpc_real dpc_sqrt(dpc_real x) {
  return sizeof x == sizeof(float) ? (dpc_real)__builtin_sqrtf((float)x)
                                   : (dpc_real)__builtin_sqrt((double)x);
}

/* Fill env and the slopes of n rows of one centre; mean and std [4] are its type's.
 * Returns the smallest r^2. */
static inline dpc_real dpc_env_rows(const dpc_environment e, const dpc_real *mean,
                                    const dpc_real *std, dpc_rows r, int32_t n) {
  const dpc_real *restrict x = r.x, *restrict y = r.y, *restrict z = r.z;
  dpc_real *restrict env = r.env, *restrict slope_s = r.slope_s, *restrict a = r.a,
                     *restrict slope_a = r.slope_a;
  const dpc_real m0 = mean[0] / std[0], m1 = mean[1] / std[1], m2 = mean[2] / std[2],
                 m3 = mean[3] / std[3];
  const dpc_real i0 = 1 / std[0], i1 = 1 / std[1], i2 = 1 / std[2], i3 = 1 / std[3];
  const dpc_real width = 1 / (e.cutoff - e.smooth);
  const int32_t whole = (int32_t)dpc_round_up((size_t)n, DPC_ROW_BLOCK);
  dpc_real nearest = e.cutoff * e.cutoff;
#pragma omp simd reduction(min : nearest)
  for (int32_t k = 0; k < whole; k++) {
    const dpc_real r2 = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
    nearest = r2 < nearest ? r2 : nearest;
    const dpc_real d = dpc_sqrt(r2), inverse = 1 / d;
    dpc_real u = (d - e.smooth) * width;
    u = u < 0 ? 0 : u;
    const dpc_real w = u * u * u * ((-6 * u + 15) * u - 10) + 1;
    const dpc_real slope_w = u * u * ((-30 * u + 60) * u - 30) * width;
    const dpc_real s = w * inverse, a_k = s * inverse;
    env[4 * k] = s * i0 - m0;
    env[4 * k + 1] = a_k * x[k] * i1 - m1;
    env[4 * k + 2] = a_k * y[k] * i2 - m2;
    env[4 * k + 3] = a_k * z[k] * i3 - m3;
    a[k] = a_k;
    slope_s[k] = (slope_w - s) * inverse * inverse;
    slope_a[k] = (slope_w - 2 * s) * inverse * inverse * inverse;
  }
  return nearest;
}

/* Which piece of the table a row falls into, and how far; returns how many of the n
 * rows lie beyond the table. */
static inline int32_t dpc_table_rows(const dpc_environment e, dpc_rows r, int32_t n) {
  const dpc_real *restrict env = r.env;
  int32_t *restrict piece = r.piece;
  dpc_real *restrict t = r.t;
  const dpc_real per_stride = 1 / e.stride, last = e.pieces - 1;
  const int32_t whole = (int32_t)dpc_round_up((size_t)n, DPC_ROW_BLOCK);
  int32_t beyond = 0;
#pragma omp simd reduction(+ : beyond)
  for (int32_t k = 0; k < whole; k++) {
    const dpc_real s = env[4 * k];
    dpc_real u = (s - e.lower) * per_stride;
    u = u > 0 ? u : 0; /* not a number: 0 */
    u = u < last ? u : last;
    const int32_t p = (int32_t)u;
    piece[k] = p;
    t[k] = s - (e.lower + p * e.stride);
    beyond += s >= e.upper;
  }
  for (int32_t k = n; k < whole; k++) beyond -= env[4 * k] >= e.upper;
  return beyond;
}

/* Chain rule: denv [n][4] becomes dr, the derivative by r_j - r_i, in its first three
 * columns and 0 in the fourth. dr = (p0 s'/r + (p . x) a'/r) x + a p,  p = denv / std.
 * Rows after n up to a whole block give zeros. */
static inline void dpc_env_slopes(const dpc_real *std, dpc_rows r, int32_t n) {
  const dpc_real *restrict x = r.x, *restrict y = r.y, *restrict z = r.z,
                           *restrict slope_s = r.slope_s, *restrict a = r.a,
                           *restrict slope_a = r.slope_a;
  dpc_real *restrict denv = r.denv;
  const dpc_real i0 = 1 / std[0], i1 = 1 / std[1], i2 = 1 / std[2], i3 = 1 / std[3];
  const int32_t whole = (int32_t)dpc_round_up((size_t)n, DPC_ROW_BLOCK);
  for (int32_t k = 4 * n; k < 4 * whole; k++) denv[k] = 0;
#pragma omp simd
  for (int32_t k = 0; k < whole; k++) {
    const dpc_real p0 = denv[4 * k] * i0, p1 = denv[4 * k + 1] * i1, p2 = denv[4 * k + 2] * i2,
                   p3 = denv[4 * k + 3] * i3;
    const dpc_real along = p0 * slope_s[k] + (p1 * x[k] + p2 * y[k] + p3 * z[k]) * slope_a[k];
    denv[4 * k] = along * x[k] + a[k] * p1;
    denv[4 * k + 1] = along * y[k] + a[k] * p2;
    denv[4 * k + 2] = along * z[k] + a[k] * p3;
    denv[4 * k + 3] = 0;
  }
}

/* The first row nearer than DPC_COINCIDENT2, to name its atoms. */
static inline int32_t dpc_coincident(const dpc_tile *tile, int32_t c, dpc_rows r, int32_t n,
                                     int32_t pair[2]) {
  for (int32_t k = 0; k < n; k++) {
    const dpc_real r2 = r.x[k] * r.x[k] + r.y[k] * r.y[k] + r.z[k] * r.z[k];
    if (r2 < DPC_COINCIDENT2) {
      pair[0] = tile->atoms[c];
      pair[1] = r.atom[k];
      return DPC_TILE_COINCIDENT;
    }
  }
  return DPC_TILE_OK;
}

#endif
