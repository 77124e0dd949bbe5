/* cell.h: the geometry of a box: periodic, of any shape, or around an open system. */
#ifndef DPC_CELL_H
#define DPC_CELL_H

#include <stdbool.h>

#include "dpc.h"

typedef struct dpc_cell {
  double vectors[3][3]; /* rows */
  double inverse[3][3]; /* fractions = (x - origin) . inverse */
  double origin[3];
  double height[3]; /* distance between opposite faces */
  bool periodic;
} dpc_cell;

/* From nine finite numbers. A cell without a volume is an error. */
dpc_status dpc_cell_periodic(const double *vectors, dpc_cell *cell, dpc_error *error);

/* The smallest box around the atoms whose type is not negative, no thinner than `least`. */
void dpc_cell_around(const double *coord, const int32_t *type, int32_t n, double least,
                     dpc_cell *cell);

void dpc_cell_fractions(const dpc_cell *cell, const double x[3], double fractions[3]);

#endif
