/* neighbors.h: the neighbour list of a system that came without one. */
#ifndef DPC_NEIGHBORS_H
#define DPC_NEIGHBORS_H

#include "bins.h"
#include "images.h"

typedef struct dpc_builder {
  dpc_images images;
  dpc_grid grid;
  dpc_bins bins;
  dpc_neighbors list; /* of the images, in CSR form */
  dpc_buffer offsets, indices;
} dpc_builder;

/* Every atom within `rcut` of each local atom; `cell` is 9 numbers or NULL for open
 * boundaries. Atoms whose type is negative have no neighbours and are nobody's. */
dpc_status dpc_builder_run(dpc_builder *builder, const double *cell, double rcut,
                           const double *coord, const int32_t *type, int32_t nloc,
                           dpc_error *error);
void dpc_builder_free(dpc_builder *builder);

#endif
