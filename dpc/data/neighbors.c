/* Neighbours of the local atoms of an extended system: what neighbors.py does in NumPy, to the same
 * bits (squares are summed as x, y, z, and nothing is contracted), some hundred times faster. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SAME_PLACE = -1, NO_MEMORY = -2, TOO_SPARSE = -3 };

#define COINCIDENT2 1e-16 /* Å^2, (1e-8 Å)^2 */
#define CELLS_PER_ATOM 64 /* a sparser system is left to NumPy, which sorts instead of counting */

static double squared(const double *a, const double *b) {
  const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return (x * x + y * y) + z * z;
}

static void sort_ints(int32_t *v, int64_t n) {
  static const int64_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
  for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
    for (int64_t k = gaps[g]; k < n; k++) {
      const int32_t x = v[k];
      int64_t at = k;
      for (; at >= gaps[g] && v[at - gaps[g]] > x; at -= gaps[g]) v[at] = v[at - gaps[g]];
      v[at] = x;
    }
}

/* Cells of edge rcut, with an empty one on every side; atoms of a cell in order of index. */
struct cells {
  double low[3], size;
  int64_t n[3];
  int32_t *start, *atom, *of; /* start [cells + 1], atom [nall], of [nall]: cell of each atom */
};

static int make_cells(struct cells *c, int64_t nall, const double *coord, double rcut) {
  double high[3];
  memcpy(c->low, coord, sizeof c->low);
  memcpy(high, coord, sizeof high);
  for (int64_t i = 1; i < nall; i++)
    for (int d = 0; d < 3; d++) {
      if (coord[3 * i + d] < c->low[d]) c->low[d] = coord[3 * i + d];
      if (coord[3 * i + d] > high[d]) high[d] = coord[3 * i + d];
    }
  c->size = rcut;
  double total = 1;
  for (int d = 0; d < 3; d++) {
    c->n[d] = (int64_t)fmin((high[d] - c->low[d]) / rcut, 1e6) + 3;
    total *= (double)c->n[d];
  }
  if (!(total < (double)CELLS_PER_ATOM * (double)nall + 4096)) return TOO_SPARSE;
  const int64_t cells = c->n[0] * c->n[1] * c->n[2];
  c->start = calloc((size_t)cells + 1, sizeof *c->start);
  c->atom = malloc((size_t)nall * sizeof *c->atom);
  c->of = malloc((size_t)nall * sizeof *c->of);
  if (!c->start || !c->atom || !c->of) return NO_MEMORY;
  for (int64_t i = 0; i < nall; i++) {
    int64_t key = 0;
    for (int d = 0; d < 3; d++)
      key = key * c->n[d] + (int64_t)((coord[3 * i + d] - c->low[d]) / rcut) + 1;
    c->of[i] = (int32_t)key;
    c->start[key + 1]++;
  }
  for (int64_t k = 0; k < cells; k++) c->start[k + 1] += c->start[k];
  for (int64_t i = nall - 1; i >= 0; i--) /* from the back: start ends one cell too early */
    c->atom[--c->start[c->of[i] + 1]] = (int32_t)i;
  memmove(c->start, c->start + 1, (size_t)cells * sizeof *c->start);
  c->start[cells] = (int32_t)nall;
  return 0;
}

static int64_t find_rows(const struct cells *c, int64_t nloc, const double *coord, double rcut2,
                         int64_t capacity, int64_t *offsets, int32_t *indices, int64_t *pair) {
  const int64_t ny = c->n[1], nz = c->n[2];
  int64_t total = 0;
  offsets[0] = 0;
  for (int64_t i = 0; i < nloc; i++) {
    const int64_t first = total;
    for (int64_t dx = -1; dx <= 1; dx++)
      for (int64_t dy = -1; dy <= 1; dy++) {
        const int64_t key = c->of[i] + (dx * ny + dy) * nz;
        for (int32_t k = c->start[key - 1]; k < c->start[key + 2]; k++) {
          const int32_t j = c->atom[k];
          const double d2 = squared(coord + 3 * j, coord + 3 * i);
          if (!(d2 < rcut2) || j == i) continue;
          if (d2 < COINCIDENT2) {
            pair[0] = i;
            pair[1] = j;
            return SAME_PLACE;
          }
          if (total < capacity) indices[total] = j;
          total++;
        }
      }
    if (total <= capacity) sort_ints(indices + first, total - first);
    offsets[i + 1] = total;
  }
  return total;
}

/* Rows of neighbours nearer than rcut of the first nloc of nall atoms, ascending. Returns how many
 * there are: when more than `capacity`, the rows are not complete. Negative: see the enum; `pair`
 * then names the two atoms at one place. */
EXPORT int64_t dpc_neighbor_rows(int64_t nall, int64_t nloc, const double *coord, double rcut,
                                 int64_t capacity, int64_t *offsets, int32_t *indices,
                                 int64_t *pair) {
  struct cells c = {0};
  int64_t result = make_cells(&c, nall, coord, rcut);
  if (result == 0)
    result = find_rows(&c, nloc, coord, rcut * rcut, capacity, offsets, indices, pair);
  free(c.start);
  free(c.atom);
  free(c.of);
  return result;
}

struct near {
  double d2;
  int32_t j;
};

static int nearer(const void *a, const void *b) {
  const struct near *x = a, *y = b;
  if (x->d2 != y->d2) return x->d2 < y->d2 ? -1 : 1;
  return (x->j > y->j) - (x->j < y->j);
}

/* The neighbours that fit sel[nsel], as select() in neighbors.py orders them; one number for all
 * types where nsel is 1. Writes at most offsets[nloc] entries and returns how many. */
EXPORT int64_t dpc_select(int64_t nloc, const int64_t *offsets, const int32_t *indices,
                          const double *coord, const int32_t *atype, int64_t nsel,
                          const int64_t *sel, int64_t *i_out, int32_t *j_out, int64_t *rank_out) {
  int64_t most = 0, slots = 0, total = 0;
  for (int64_t i = 0; i < nloc; i++)
    if (offsets[i + 1] - offsets[i] > most) most = offsets[i + 1] - offsets[i];
  for (int64_t t = 0; t < nsel; t++) slots += sel[t];
  struct near *row = malloc((size_t)(most ? most : 1) * sizeof *row);
  if (!row) return NO_MEMORY;
  for (int64_t i = 0; i < nloc; i++) {
    int64_t n = offsets[i + 1] - offsets[i];
    for (int64_t k = 0; k < n; k++) {
      const int32_t j = indices[offsets[i] + k];
      row[k] = (struct near){squared(coord + 3 * j, coord + 3 * i), j};
    }
    qsort(row, (size_t)n, sizeof *row, nearer);
    if (n > slots) n = slots;
    for (int64_t t = 0; t < nsel; t++) {
      int64_t rank = 0;
      for (int64_t k = 0; k < n && rank < sel[t]; k++) {
        if (nsel > 1 && atype[row[k].j] != t) continue;
        i_out[total] = i;
        j_out[total] = row[k].j;
        rank_out[total++] = rank++;
      }
    }
  }
  free(row);
  return total;
}
