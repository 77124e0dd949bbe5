/* bins.h: atoms sorted into small parallelepipeds, to find neighbours in linear time. */
#ifndef DPC_BINS_H
#define DPC_BINS_H

#include "cell.h"
#include "workspace.h"

/* `inside` bins along each vector of the cell and `around` more on either side, for
 * images. Two atoms closer than the cutoff are at most `reach` bins apart. */
typedef struct dpc_grid {
  int32_t inside[3], around[3], all[3], reach[3];
  int32_t bins;
} dpc_grid;

/* About half a cutoff wide, wider where there would be many more bins than atoms. */
void dpc_grid_layout(dpc_grid *grid, const dpc_cell *cell, double rcut, int32_t atoms);

int32_t dpc_grid_bin(const dpc_grid *grid, const double fractions[3]);

typedef struct dpc_bins {
  int32_t *start;    /* bins + 1: the first of the sorted atoms of each bin */
  int32_t *atoms;    /* sorted by bin */
  double *x, *y, *z; /* of the sorted atoms */
  dpc_buffer start_buffer, atoms_buffer, coord_buffer;
} dpc_bins;

/* bin[i] < 0: the atom is left out */
dpc_status dpc_bins_sort(dpc_bins *bins, const dpc_grid *grid, const int32_t *bin,
                         const double *coord, int32_t n, dpc_error *error);
void dpc_bins_free(dpc_bins *bins);

#endif
