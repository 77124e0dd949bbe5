#include <math.h>
#include <string.h>

#include "images.h"

/* More images than this are a mistake in the cell, not a system. */
static const double MOST_IMAGES = 2e7;
/* Images this far beyond the cutoff are kept too: fractions are rounded. */
static const double MARGIN = 1e-9;

static dpc_status reserve(dpc_images *m, int32_t used, int64_t nall, dpc_error *error) {
  const size_t n = (size_t)nall, u = (size_t)used;
  dpc_status status =
      dpc_extend(&m->coord_buffer, 3 * u * sizeof(double), 3 * n, sizeof(double), error);
  if (status == DPC_OK)
    status = dpc_extend(&m->type_buffer, u * sizeof(int32_t), n, sizeof(int32_t), error);
  if (status == DPC_OK)
    status = dpc_extend(&m->owner_buffer, u * sizeof(int32_t), n, sizeof(int32_t), error);
  if (status == DPC_OK)
    status = dpc_extend(&m->bin_buffer, u * sizeof(int32_t), n, sizeof(int32_t), error);
  m->coord = m->coord_buffer.data;
  m->type = m->type_buffer.data;
  m->owner = m->owner_buffer.data;
  m->bin = m->bin_buffer.data;
  return status;
}

static void place(dpc_images *m, int32_t at, int32_t owner, int32_t type, const double x[3],
                  int32_t bin) {
  memcpy(m->coord + 3 * (size_t)at, x, 3 * sizeof *x);
  m->type[at] = type;
  m->owner[at] = owner;
  m->bin[at] = bin;
}

/* Wraps an atom into a periodic cell. The fractions are computed again from where it is
 * now: those of an atom far away were less exact. */
static void wrap(const dpc_cell *cell, double x[3], double fractions[3]) {
  for (int k = 0; k < 3; k++) {
    const double shift = floor(fractions[k]);
    for (int i = 0; i < 3; i++) x[i] -= shift * cell->vectors[k][i];
  }
  dpc_cell_fractions(cell, x, fractions);
}

/* The images of local atom `owner` around the cell. */
static dpc_status add_ghosts(dpc_images *m, const dpc_grid *grid, const dpc_cell *cell, double rcut,
                             int32_t owner, const double fractions[3], dpc_error *error) {
  int low[3], high[3];
  int64_t most = 1;
  for (int k = 0; k < 3; k++) {
    const double reach = rcut / cell->height[k] + MARGIN;
    low[k] = (int)ceil(-reach - fractions[k]);
    high[k] = (int)floor(1 + reach - fractions[k]);
    most *= high[k] - low[k] + 1;
  }
  dpc_status status = reserve(m, m->nall, m->nall + most, error);
  if (status != DPC_OK) return status;
  for (int a = low[0]; a <= high[0]; a++)
    for (int b = low[1]; b <= high[1]; b++)
      for (int c = low[2]; c <= high[2]; c++) {
        if (a == 0 && b == 0 && c == 0) continue;
        const double f[3] = {fractions[0] + a, fractions[1] + b, fractions[2] + c};
        double x[3];
        for (int i = 0; i < 3; i++)
          x[i] = m->coord[3 * (size_t)owner + (size_t)i] + a * cell->vectors[0][i] +
                 b * cell->vectors[1][i] + c * cell->vectors[2][i];
        place(m, m->nall++, owner, m->type[owner], x, dpc_grid_bin(grid, f));
      }
  return DPC_OK;
}

static dpc_status check_count(const dpc_cell *cell, double rcut, int32_t nloc, dpc_error *error) {
  double images = nloc;
  for (int k = 0; k < 3; k++) images *= 1 + 2 * (rcut / cell->height[k] + MARGIN);
  if (images <= MOST_IMAGES) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_LIMIT,
                  "cell: %.3g images of %d atoms are within the cutoff of %g: more than %g. "
                  "Its heights are %g, %g and %g",
                  images, nloc, rcut, MOST_IMAGES, cell->height[0], cell->height[1],
                  cell->height[2]);
}

dpc_status dpc_images_build(dpc_images *m, dpc_grid *grid, const dpc_cell *cell, double rcut,
                            const double *coord, const int32_t *type, int32_t nloc,
                            dpc_error *error) {
  dpc_status status = DPC_OK;
  if (cell->periodic) status = check_count(cell, rcut, nloc, error);
  if (status == DPC_OK) status = reserve(m, 0, nloc, error);
  if (status != DPC_OK) return status;
  dpc_grid_layout(grid, cell, rcut, nloc);
  m->nloc = m->nall = nloc;
  for (int32_t i = 0; i < nloc; i++) {
    double x[3], fractions[3];
    memcpy(x, coord + 3 * (size_t)i, sizeof x);
    dpc_cell_fractions(cell, x, fractions);
    if (cell->periodic) wrap(cell, x, fractions);
    place(m, i, i, type[i], x, type[i] >= 0 ? dpc_grid_bin(grid, fractions) : -1);
    if (cell->periodic && type[i] >= 0) {
      status = add_ghosts(m, grid, cell, rcut, i, fractions, error);
      if (status != DPC_OK) return status;
    }
  }
  return DPC_OK;
}

void dpc_images_fold(const dpc_images *m, const double *from, int32_t width, double *to) {
  const size_t w = (size_t)width;
  memcpy(to, from, (size_t)m->nloc * w * sizeof *to);
  for (size_t g = (size_t)m->nloc; g < (size_t)m->nall; g++)
    for (size_t k = 0; k < w; k++) to[(size_t)m->owner[g] * w + k] += from[g * w + k];
}

void dpc_images_free(dpc_images *m) {
  dpc_release(&m->coord_buffer);
  dpc_release(&m->type_buffer);
  dpc_release(&m->owner_buffer);
  dpc_release(&m->bin_buffer);
  *m = (dpc_images){0};
}
