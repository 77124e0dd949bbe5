/* force.h: from dr, the derivative of the energy by r_j - r_i, to force and virial.
 *
 *   force = -dE/dr:  f_j -= dr, f_i += dr
 *   virial[a][b] -= dr_a r_b, and the same per atom, on the neighbour j
 *
 * All sums are double, whatever dpc_real is.
 */
#ifndef DPC_FORCE_H
#define DPC_FORCE_H

#include "rows.h"

/* n rows of atom i */
static inline void dpc_scatter_force(dpc_rows r, int32_t n, int32_t i, double *restrict force) {
  const dpc_real *restrict dr = r.denv;
  const int32_t *restrict atom = r.atom;
  double fx = 0, fy = 0, fz = 0;
  for (int32_t k = 0; k < n; k++) {
    double *f = force + 3 * (size_t)atom[k];
    f[0] -= dr[4 * k];
    f[1] -= dr[4 * k + 1];
    f[2] -= dr[4 * k + 2];
    fx += dr[4 * k];
    fy += dr[4 * k + 1];
    fz += dr[4 * k + 2];
  }
  double *f = force + 3 * (size_t)i;
  f[0] += fx;
  f[1] += fy;
  f[2] += fz;
}

/* Rows after n up to a whole block hold dr = 0. */
static inline void dpc_add_virial(dpc_rows r, int32_t n, double *restrict virial) {
  const dpc_real *restrict x = r.x, *restrict y = r.y, *restrict z = r.z, *restrict dr = r.denv;
  double xx = 0, xy = 0, xz = 0, yx = 0, yy = 0, yz = 0, zx = 0, zy = 0, zz = 0;
  const int32_t whole = (int32_t)dpc_round_up((size_t)n, DPC_ROW_BLOCK);
#pragma omp simd reduction(+ : xx, xy, xz, yx, yy, yz, zx, zy, zz)
  for (int32_t k = 0; k < whole; k++) {
    const double dx = dr[4 * k], dy = dr[4 * k + 1], dz = dr[4 * k + 2];
    xx += dx * x[k], xy += dx * y[k], xz += dx * z[k];
    yx += dy * x[k], yy += dy * y[k], yz += dy * z[k];
    zx += dz * x[k], zy += dz * y[k], zz += dz * z[k];
  }
  virial[0] -= xx, virial[1] -= xy, virial[2] -= xz;
  virial[3] -= yx, virial[4] -= yy, virial[5] -= yz;
  virial[6] -= zx, virial[7] -= zy, virial[8] -= zz;
}

static inline void dpc_add_atom_virial(dpc_rows r, int32_t n, double *restrict atom_virial) {
  for (int32_t k = 0; k < n; k++) {
    double *w = atom_virial + 9 * (size_t)r.atom[k];
    const dpc_real *dr = r.denv + 4 * k;
    const double d[3] = {r.x[k], r.y[k], r.z[k]};
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 3; b++) w[3 * a + b] -= dr[a] * d[b];
  }
}

#endif
