/* net.h: embedding nets that are evaluated as they are, without a table.
 *
 * The nets take a block of neighbours at a time, one in each lane.
 */
#ifndef DPC_NET_H
#define DPC_NET_H

#include <stddef.h>
#include <stdint.h>

/* s [lanes] = env[.][0] of `count` rows, 0 in the other lanes */
static inline void dpc_net_input(const dpc_real *restrict env, int32_t count, int32_t lanes,
                                 dpc_real *restrict s) {
  for (int32_t k = 0; k < lanes; k++) s[k] = k < count ? env[4 * k] : 0;
}

/* x [4][padded] += env [count][4]^T g,  g [width][lanes] */
static inline void dpc_net_contract(const dpc_real *restrict env, const dpc_real *restrict g,
                                    int32_t count, int32_t width, int32_t padded, int32_t lanes,
                                    dpc_real *restrict x) {
  for (int32_t m = 0; m < width; m++) {
    const dpc_real *gm = g + (size_t)m * (size_t)lanes;
    dpc_real x0 = 0, x1 = 0, x2 = 0, x3 = 0;
#pragma omp simd reduction(+ : x0, x1, x2, x3)
    for (int32_t k = 0; k < count; k++) {
      x0 += env[4 * k] * gm[k];
      x1 += env[4 * k + 1] * gm[k];
      x2 += env[4 * k + 2] * gm[k];
      x3 += env[4 * k + 3] * gm[k];
    }
    x[m] += x0;
    x[padded + m] += x1;
    x[2 * padded + m] += x2;
    x[3 * padded + m] += x3;
  }
}

/* The adjoint: denv [count][4] = dx g, and dg [width][lanes] = env dx, 0 in the other lanes */
static inline void dpc_net_contract_back(const dpc_real *restrict env, const dpc_real *restrict g,
                                         const dpc_real *restrict dx, int32_t count, int32_t width,
                                         int32_t padded, int32_t lanes, dpc_real *restrict denv,
                                         dpc_real *restrict dg) {
  for (int32_t k = 0; k < 4 * count; k++) denv[k] = 0;
  for (int32_t m = 0; m < width; m++) {
    const dpc_real *gm = g + (size_t)m * (size_t)lanes;
    dpc_real *dgm = dg + (size_t)m * (size_t)lanes;
    const dpc_real x0 = dx[m], x1 = dx[padded + m], x2 = dx[2 * padded + m],
                   x3 = dx[3 * padded + m];
#pragma omp simd
    for (int32_t k = 0; k < count; k++) {
      denv[4 * k] += x0 * gm[k];
      denv[4 * k + 1] += x1 * gm[k];
      denv[4 * k + 2] += x2 * gm[k];
      denv[4 * k + 3] += x3 * gm[k];
      dgm[k] = x0 * env[4 * k] + x1 * env[4 * k + 1] + x2 * env[4 * k + 2] + x3 * env[4 * k + 3];
    }
    for (int32_t k = count; k < lanes; k++) dgm[k] = 0;
  }
}

/* the net's own share: denv [count][0] += ds */
static inline void dpc_net_slope(const dpc_real *restrict ds, int32_t count,
                                 dpc_real *restrict denv) {
  for (int32_t k = 0; k < count; k++) denv[4 * k] += ds[k];
}

#endif
