#include "neighbors.h"

/* The box of bins around an atom: all that its neighbours can be in. */
typedef struct block {
  int32_t low[3], high[3];
} block;

static block around(const dpc_grid *g, int32_t bin) {
  block b;
  for (int k = 2; k >= 0; k--) {
    const int32_t at = bin % g->all[k];
    bin /= g->all[k];
    b.low[k] = at - g->reach[k] > 0 ? at - g->reach[k] : 0;
    b.high[k] = at + g->reach[k] < g->all[k] ? at + g->reach[k] : g->all[k] - 1;
  }
  return b;
}

/* Bins along the last axis follow each other, and so do their sorted atoms. */
static void get_run(const dpc_builder *b, const block *k, int32_t i, int32_t j, int32_t *first,
                    int32_t *end) {
  const int32_t line = (i * b->grid.all[1] + j) * b->grid.all[2];
  *first = b->bins.start[line + k->low[2]];
  *end = b->bins.start[line + k->high[2] + 1];
}

static int64_t count_candidates(const dpc_builder *b, const block *k) {
  int64_t candidates = 0;
  for (int32_t i = k->low[0]; i <= k->high[0]; i++)
    for (int32_t j = k->low[1]; j <= k->high[1]; j++) {
      int32_t first, end;
      get_run(b, k, i, j, &first, &end);
      candidates += end - first;
    }
  return candidates;
}

/* Writes the neighbours of `atom` to `row`, which holds every candidate; returns how many.
 * Each candidate is written, and overwritten unless it counts: no branch to mispredict. */
static int32_t find(const dpc_builder *b, const block *k, int32_t atom, double rcut, int32_t *row) {
  const double *center = b->images.coord + 3 * (size_t)atom;
  const double x = center[0], y = center[1], z = center[2], limit = rcut * rcut;
  const dpc_bins *bins = &b->bins;
  int32_t n = 0;
  for (int32_t i = k->low[0]; i <= k->high[0]; i++)
    for (int32_t j = k->low[1]; j <= k->high[1]; j++) {
      int32_t first, end;
      get_run(b, k, i, j, &first, &end);
      for (int32_t p = first; p < end; p++) {
        const double dx = bins->x[p] - x, dy = bins->y[p] - y, dz = bins->z[p] - z;
        row[n] = bins->atoms[p];
        n += (dx * dx + dy * dy + dz * dz <= limit) & (bins->atoms[p] != atom);
      }
    }
  return n;
}

static dpc_status fill(dpc_builder *b, double rcut, dpc_error *error) {
  const int32_t nloc = b->images.nloc;
  dpc_status status = dpc_reserve(&b->offsets, (size_t)nloc + 1, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  int32_t *offsets = b->offsets.data;
  offsets[0] = 0;
  for (int32_t i = 0; i < nloc; i++) {
    offsets[i + 1] = offsets[i];
    if (b->images.bin[i] < 0) continue;
    const block k = around(&b->grid, b->images.bin[i]);
    const int64_t most = offsets[i] + count_candidates(b, &k);
    if (most > INT32_MAX)
      return dpc_fail(error, DPC_ERROR_LIMIT, "more than %d pairs of neighbours: use fewer atoms",
                      INT32_MAX);
    status = dpc_extend(&b->indices, (size_t)offsets[i] * sizeof(int32_t), (size_t)most,
                        sizeof(int32_t), error);
    if (status != DPC_OK) return status;
    offsets[i + 1] += find(b, &k, i, rcut, (int32_t *)b->indices.data + offsets[i]);
  }
  b->list = (dpc_neighbors){.count = nloc, .offsets = offsets, .indices = b->indices.data};
  return DPC_OK;
}

dpc_status dpc_builder_run(dpc_builder *b, const double *vectors, double rcut, const double *coord,
                           const int32_t *type, int32_t nloc, dpc_error *error) {
  dpc_cell cell;
  dpc_status status = DPC_OK;
  if (vectors != NULL) status = dpc_cell_periodic(vectors, &cell, error);
  else dpc_cell_around(coord, type, nloc, rcut, &cell);
  if (status == DPC_OK)
    status = dpc_images_build(&b->images, &b->grid, &cell, rcut, coord, type, nloc, error);
  if (status == DPC_OK)
    status =
        dpc_bins_sort(&b->bins, &b->grid, b->images.bin, b->images.coord, b->images.nall, error);
  if (status == DPC_OK) status = fill(b, rcut, error);
  return status;
}

void dpc_builder_free(dpc_builder *b) {
  dpc_images_free(&b->images);
  dpc_bins_free(&b->bins);
  dpc_release(&b->offsets);
  dpc_release(&b->indices);
  *b = (dpc_builder){0};
}
