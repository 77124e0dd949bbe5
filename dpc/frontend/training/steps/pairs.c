/* Loops over real pairs for the fused training step of se_e2_a; see nodes.py for the mathematics,
 * and frozen.py for the tables. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define M 16 /* nodes of a panel, its two ends included */

#define TERMS 8 /* of the polynomials of frozen nets */
#define WIDE 8  /* their columns at a time */
#define SOME 8  /* rows of a folded matrix at a time */

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

/* Frozen nets: `panels` panels of one width from `origin`. Those of types t of the centre begin
 * `side` t nets on. */
struct table {
  int64_t side, panels, columns;
  double origin, inverse_width;
  const void *coefficient; /* [nets, panels, TERMS, columns]: of u^k, u from -1 to 1 in a panel */
};

/* Atoms sorted by type, each with its pairs: atom i of this order is atom order[i] of the batch, of
 * type type[i], and has the pairs first[i] ... first[i] + count[i]. */
struct pairs {
  int64_t natoms, nloc; /* nloc: atoms of a frame */
  const int64_t *order, *first, *count;
  const int32_t *type;
  const int32_t *neighbor, *net;    /* of a pair: atom of the batch, its type */
  const double *r;                  /* [pairs, 3] */
  const double *radial;             /* [pairs, 3]: s = switch / d, ds/dd, 1 / d */
  const double *mean, *inverse_std; /* [ntypes, 4] of rows */
};

/* What becomes of the pairs of two types. */
enum fate { EMPTY = 0, KEPT = 1, ZERO = 2 }; /* slots: empty, as they are, taken by rows of zeros */

/* Sorts atoms by type and keeps pairs by the fate [ntypes, ntypes] of their types. type < 0 is no
 * atom. starts [ntypes + 1] are where types begin; empty [atoms, ntypes] are slots of sel left. */
CLONES void dpc_sort(int64_t natoms, int64_t ntypes, const int32_t *restrict type,
                     const int64_t *restrict offsets, const int32_t *restrict neighbor,
                     const double *restrict r, const int8_t *restrict fate,
                     const int64_t *restrict sel, int64_t *restrict starts, int64_t *restrict order,
                     int64_t *restrict first, int64_t *restrict count, int64_t *restrict empty,
                     int32_t *restrict sorted_type, int32_t *restrict kept_neighbor,
                     int32_t *restrict net, double *restrict kept_r) {
  int64_t i = 0, q = 0;
  for (int32_t t = 0; t < ntypes; t++) {
    starts[t] = i;
    for (int64_t atom = 0; atom < natoms; atom++) {
      if (type[atom] != t) continue;
      order[i] = atom, sorted_type[i] = t, first[i] = q;
      for (int64_t k = 0; k < ntypes; k++) empty[i * ntypes + k] = sel[k];
      for (int64_t p = offsets[atom]; p < offsets[atom + 1]; p++) {
        const int32_t other = type[neighbor[p]];
        const int8_t what = fate[t * ntypes + other];
        empty[i * ntypes + other] -= what != EMPTY;
        if (what != KEPT) continue;
        kept_neighbor[q] = neighbor[p], net[q] = other;
        for (int c = 0; c < 3; c++) kept_r[3 * q + c] = r[3 * p + c];
        q++;
      }
      count[i] = q - first[i];
      i++;
    }
  }
  starts[ntypes] = i;
}

/* `radial` of the pairs, and the largest first column of their rows, no less than it was. */
CLONES void dpc_radial(const struct pairs *pairs, double rcut_smth, double rcut,
                       double *restrict radial, double *restrict largest) {
  const double inverse = 1 / (rcut - rcut_smth);
  for (int64_t i = 0; i < pairs->natoms; i++) {
    const double shift = pairs->mean[4 * pairs->type[i]];
    const double scale = pairs->inverse_std[4 * pairs->type[i]];
    double most = *largest;
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      const double *restrict x = pairs->r + 3 * p;
      const double d2 = x[0] * x[0] + x[1] * x[1] + x[2] * x[2], d = sqrt(d2);
      double u = (d - rcut_smth) * inverse;
      const double inside = u > 0 && u < 1;
      u = u < 0 ? 0 : u > 1 ? 1 : u;
      const double w = 1 + u * u * u * (-10 + u * (15 - 6 * u));
      const double dw = inside * -30 * u * u * (1 - u) * (1 - u) * inverse;
      const double s = w / d, at = (s - shift) * scale;
      radial[3 * p] = s, radial[3 * p + 1] = (dw - s) / d, radial[3 * p + 2] = 1 / d;
      most = at > most ? at : most;
    }
    *largest = most;
  }
}

/* Forces [atoms, 3] and virials [frames, 9] from dE/dr of the pairs; both begin at 0. */
CLONES void dpc_collect(const struct pairs *pairs, const double *restrict dr,
                        double *restrict force, double *restrict virial) {
  for (int64_t i = 0; i < pairs->natoms; i++) {
    double *restrict own = force + 3 * pairs->order[i];
    double *restrict mine = virial + 9 * (pairs->order[i] / pairs->nloc);
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      const double *restrict x = pairs->r + 3 * p, *restrict f = dr + 3 * p;
      for (int a = 0; a < 3; a++) {
        own[a] += f[a];
        force[3 * (int64_t)pairs->neighbor[p] + a] -= f[a];
        for (int b = 0; b < 3; b++) mine[3 * a + b] -= f[a] * x[b];
      }
    }
  }
}

/* The panel that x is in, and where: -1 <= u <= 1; the first or the last where x is beyond. */
static inline __attribute__((always_inline)) int64_t find_panel(double x, double origin,
                                                                double inverse_width,
                                                                int64_t panels, double *u) {
  const double at = (x - origin) * inverse_width;
  int64_t panel = (int64_t)at;
  panel = panel < 0 ? 0 : panel >= panels ? panels - 1 : panel;
  *u = 2 * (at - (double)panel) - 1;
  return panel;
}

/* The row (s, s x/d, s y/d, s z/d) - mean) / std of pair p of atom i. */
static inline __attribute__((always_inline)) void make_row(const struct pairs *pairs, int64_t i,
                                                           int64_t p, double *restrict row) {
  const double *restrict x = pairs->r + 3 * p, *restrict s = pairs->radial + 3 * p;
  const double *restrict mean = pairs->mean + 4 * pairs->type[i];
  const double *restrict scale = pairs->inverse_std + 4 * pairs->type[i];
  const double h = s[0] * s[2];
  row[0] = (s[0] - mean[0]) * scale[0];
  for (int c = 0; c < 3; c++) row[c + 1] = (h * x[c] - mean[c + 1]) * scale[c + 1];
}

/* d (bar . row) / dr, [3]. */
static inline __attribute__((always_inline)) void row_back(const struct pairs *pairs, int64_t i,
                                                           int64_t p, double *restrict bar,
                                                           double *restrict dr) {
  const double *restrict x = pairs->r + 3 * p, *restrict s = pairs->radial + 3 * p;
  const double *restrict scale = pairs->inverse_std + 4 * pairs->type[i];
  const double h = s[0] * s[2], slope = (s[1] - h) * s[2];
  for (int c = 0; c < 4; c++) bar[c] *= scale[c];
  const double along = bar[1] * x[0] + bar[2] * x[1] + bar[3] * x[2];
  const double to = (bar[0] * s[1] + along * slope) * s[2];
  for (int c = 0; c < 3; c++) dr[c] = h * bar[c + 1] + to * x[c];
}

/* The change of the row when the pair moves along f_i - f_j - y r; f [atoms, 3], y [frames, 9]. */
static inline __attribute__((always_inline)) void row_along(const struct pairs *pairs, int64_t i,
                                                            int64_t p, const double *restrict f,
                                                            const double *restrict y,
                                                            double *restrict moved) {
  const double *restrict x = pairs->r + 3 * p, *restrict s = pairs->radial + 3 * p;
  const double *restrict scale = pairs->inverse_std + 4 * pairs->type[i];
  const double *restrict own = f + 3 * pairs->order[i];
  const double *restrict other = f + 3 * (int64_t)pairs->neighbor[p];
  const double *restrict strain = y + 9 * (pairs->order[i] / pairs->nloc);
  double v[3];
  for (int c = 0; c < 3; c++)
    v[c] = own[c] - other[c] - strain[3 * c] * x[0] - strain[3 * c + 1] * x[1] -
           strain[3 * c + 2] * x[2];
  const double d = (v[0] * x[0] + v[1] * x[1] + v[2] * x[2]) * s[2];
  const double h = s[0] * s[2], slope = (s[1] - h) * s[2];
  moved[0] = s[1] * d * scale[0];
  for (int c = 0; c < 3; c++) moved[c + 1] = (h * v[c] + slope * d * x[c]) * scale[c + 1];
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
#include "dense_template.h"
#include "pairs_template.h"
#include "table_template.h"
#undef REAL
#undef NAME
#define REAL float
#define NAME(x) x##_f32
#include "dense_template.h"
#include "pairs_template.h"
#include "table_template.h"
