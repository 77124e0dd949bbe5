#include <math.h>
#include <string.h>

#include "bins.h"

static const double BINS_PER_CUTOFF = 2;
/* A cutoff of exactly two bins must not reach into a third: a pair this close to the
 * cutoff adds nothing. */
static const double ROUNDING = 1e-12;
/* Half of the bins may be empty, and a small system may have a few more. */
enum { BINS_PER_ATOM = 2, FEW_BINS = 256, LONGEST = 1 << 20 };

static void set_axis(dpc_grid *g, const dpc_cell *cell, double rcut, int k, int32_t inside) {
  const double width = cell->height[k] / inside;
  g->inside[k] = inside;
  g->reach[k] = (int32_t)ceil(rcut / width * (1 - ROUNDING));
  g->around[k] = cell->periodic ? g->reach[k] : 0;
  g->all[k] = inside + 2 * g->around[k];
}

void dpc_grid_layout(dpc_grid *g, const dpc_cell *cell, double rcut, int32_t atoms) {
  double expected = atoms;
  for (int k = 0; k < 3; k++) {
    const double fit = fmin(floor(BINS_PER_CUTOFF * cell->height[k] / rcut), LONGEST);
    set_axis(g, cell, rcut, k, fit > 1 ? (int32_t)fit : 1);
    if (cell->periodic) expected *= 1 + 2 * rcut / cell->height[k];
  }
  for (;;) {
    const double bins = (double)g->all[0] * g->all[1] * g->all[2];
    const int yz = g->inside[2] > g->inside[1] ? 2 : 1;
    const int longest = g->inside[0] > g->inside[yz] ? 0 : yz;
    if (bins <= BINS_PER_ATOM * expected + FEW_BINS || g->inside[longest] == 1) break;
    set_axis(g, cell, rcut, longest, g->inside[longest] / 2);
  }
  g->bins = g->all[0] * g->all[1] * g->all[2];
}

int32_t dpc_grid_bin(const dpc_grid *g, const double fractions[3]) {
  int32_t bin = 0;
  for (int k = 0; k < 3; k++) {
    const double at = floor(fractions[k] * g->inside[k]) + g->around[k];
    const int32_t last = g->all[k] - 1; /* rounding may put an atom on the far face */
    bin = bin * g->all[k] + (at < 0 ? 0 : at > last ? last : (int32_t)at);
  }
  return bin;
}

static dpc_status reserve(dpc_bins *b, int32_t bins, int32_t n, dpc_error *error) {
  const size_t atoms = (size_t)n;
  dpc_status status = dpc_reserve(&b->start_buffer, (size_t)bins + 2, sizeof *b->start, error);
  if (status == DPC_OK) status = dpc_reserve(&b->atoms_buffer, atoms, sizeof *b->atoms, error);
  if (status == DPC_OK) status = dpc_reserve(&b->coord_buffer, 3 * atoms, sizeof *b->x, error);
  if (status != DPC_OK) return status;
  b->start = b->start_buffer.data;
  b->atoms = b->atoms_buffer.data;
  b->x = b->coord_buffer.data;
  b->y = b->x + n;
  b->z = b->y + n;
  return DPC_OK;
}

/* A counting sort: atoms of one bin keep their order, so lists are reproducible. */
dpc_status dpc_bins_sort(dpc_bins *b, const dpc_grid *grid, const int32_t *bin, const double *coord,
                         int32_t n, dpc_error *error) {
  dpc_status status = reserve(b, grid->bins, n, error);
  if (status != DPC_OK) return status;
  int32_t *next = b->start + 1; /* becomes `start` as the atoms are placed */
  memset(b->start, 0, ((size_t)grid->bins + 2) * sizeof *b->start);
  for (int32_t i = 0; i < n; i++)
    if (bin[i] >= 0) next[bin[i] + 1]++;
  for (int32_t i = 0; i < grid->bins; i++) next[i + 1] += next[i];
  for (int32_t i = 0; i < n; i++) {
    if (bin[i] < 0) continue;
    const int32_t at = next[bin[i]]++;
    b->atoms[at] = i;
    b->x[at] = coord[3 * (size_t)i];
    b->y[at] = coord[3 * (size_t)i + 1];
    b->z[at] = coord[3 * (size_t)i + 2];
  }
  return DPC_OK;
}

void dpc_bins_free(dpc_bins *b) {
  dpc_release(&b->start_buffer);
  dpc_release(&b->atoms_buffer);
  dpc_release(&b->coord_buffer);
  *b = (dpc_bins){0};
}
