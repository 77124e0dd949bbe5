/* images.h: the atoms of a box and, if it is periodic, every image of them that is within
 * the cutoff of the box. Locals come first, as in an MD engine's list of ghosts. */
#ifndef DPC_IMAGES_H
#define DPC_IMAGES_H

#include "bins.h"
#include "cell.h"
#include "workspace.h"

typedef struct dpc_images {
  int32_t nloc, nall;
  double *coord;  /* nall * 3; locals wrapped into the cell */
  int32_t *type;  /* nall */
  int32_t *owner; /* nall: the local atom that each one is an image of */
  int32_t *bin;   /* nall; -1 for atoms that are not in the model */
  dpc_buffer coord_buffer, type_buffer, owner_buffer, bin_buffer;
} dpc_images;

/* Coordinates must be finite. `grid` is laid out here, as it covers the images. */
dpc_status dpc_images_build(dpc_images *images, dpc_grid *grid, const dpc_cell *cell, double rcut,
                            const double *coord, const int32_t *type, int32_t nloc,
                            dpc_error *error);
void dpc_images_free(dpc_images *images);

/* Adds rows of `width` numbers of every image to the row of its owner. */
void dpc_images_fold(const dpc_images *images, const double *from, int32_t width, double *to);

#endif
