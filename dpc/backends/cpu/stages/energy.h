/* energy.h: the energies of a tile's centres to its caller. */
#ifndef DPC_ENERGY_H
#define DPC_ENERGY_H

#include "dpc_model.h"

/* e: one lane a centre, in eV */
static inline void dpc_add_energy(dpc_tile *tile, const double *e) {
  double sum = 0;
  for (int32_t a = 0; a < tile->count; a++) {
    sum += e[a];
    if (tile->atom_energy) tile->atom_energy[tile->atoms[a]] = e[a];
  }
  if (tile->energy) *tile->energy += sum;
}

#endif
