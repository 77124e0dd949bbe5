/* Loops over real pairs for the fused training step of se_e2_a; see nodes.py for the mathematics.
 *
 * Atoms come sorted by type: atom i of the sorted order has pairs first[i] … first[i] + count[i],
 * is atom centre[i] of the batch and of type type[i]. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define M 16 /* nodes of a panel, its two ends included */

#define MOST_AXIS 256 /* axis_neuron; larger ones take the general step */

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES                                                                                     \
  __attribute__((visibility("default"),                                                            \
                 target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES __attribute__((visibility("default")))
#endif

/* Half the nodes of a panel; unaligned, so that any array of doubles may be read as one. */
typedef double vector __attribute__((vector_size(64), aligned(8), may_alias));

/* The nodes of every net: `panels` panels of one width from `origin`, neighbours share an end. */
struct grid {
  int64_t nets, nodes, panels;
  double origin, inverse_width;
  const double *coefficient; /* [M, M]: phi_m(u) = sum_k coefficient[k, m] T_k(u) */
};

/* Environment rows (s, s x/d, s y/d, s z/d) - mean) / std and what their slopes need. */
CLONES void dpc_rows(int64_t npairs, const double *restrict r, const int32_t *restrict type,
                     const double *restrict mean, const double *restrict inverse_std,
                     double rcut_smth, double rcut, double *restrict row, double *restrict shape) {
  const double inverse = 1 / (rcut - rcut_smth);
  for (int64_t p = 0; p < npairs; p++) {
    const double *restrict x = r + 3 * p;
    const double *restrict shift = mean + 4 * type[p];
    const double *restrict scale = inverse_std + 4 * type[p];
    const double d2 = x[0] * x[0] + x[1] * x[1] + x[2] * x[2], d = sqrt(d2);
    double u = (d - rcut_smth) * inverse;
    const double inside = u > 0 && u < 1;
    u = u < 0 ? 0 : u > 1 ? 1 : u;
    const double w = 1 + u * u * u * (-10 + u * (15 - 6 * u));
    const double dw = inside * -30 * u * u * (1 - u) * (1 - u) * inverse;
    const double s = w / d, ds = (dw - s) / d, h = s / d;
    row[4 * p] = (s - shift[0]) * scale[0];
    for (int c = 0; c < 3; c++) row[4 * p + c + 1] = (h * x[c] - shift[c + 1]) * scale[c + 1];
    shape[4 * p] = ds, shape[4 * p + 1] = h, shape[4 * p + 2] = (ds - h) / d;
    shape[4 * p + 3] = 1 / d;
  }
}

/* Forces [atoms, 3] and virials [frames, 9] from dE/dr of the pairs; both begin at 0. */
CLONES void dpc_collect(int64_t npairs, const int32_t *restrict centre,
                        const int32_t *restrict neighbor, int64_t nloc, const double *restrict r,
                        const double *restrict dr, double *restrict force,
                        double *restrict virial) {
  for (int64_t p = 0; p < npairs; p++) {
    double *restrict mine = virial + 9 * (centre[p] / nloc);
    for (int a = 0; a < 3; a++) {
      force[3 * (int64_t)centre[p] + a] += dr[3 * p + a];
      force[3 * (int64_t)neighbor[p] + a] -= dr[3 * p + a];
      for (int b = 0; b < 3; b++) mine[3 * a + b] -= dr[3 * p + a] * r[3 * p + b];
    }
  }
}

static inline __attribute__((always_inline)) double total_f64(const double *restrict x) {
  double y[8];
  for (int m = 0; m < 8; m++) y[m] = x[m] + x[m + 8];
  for (int m = 0; m < 4; m++) y[m] += y[m + 4];
  return (y[0] + y[2]) + (y[1] + y[3]);
}

static inline __attribute__((always_inline)) double total_f32(const float *restrict x) {
  double y[8];
  for (int m = 0; m < 8; m++) y[m] = (double)x[m] + (double)x[m + 8];
  for (int m = 0; m < 4; m++) y[m] += y[m + 4];
  return (y[0] + y[2]) + (y[1] + y[3]);
}

#define REAL double
#define NAME(x) x##_f64
#include "pairs_template.h"
#undef REAL
#undef NAME
#define REAL float
#define NAME(x) x##_f32
#include "pairs_template.h"
