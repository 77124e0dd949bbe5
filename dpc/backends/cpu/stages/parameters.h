/* parameters.h: frame and atom parameters, normalised, as features of every lane. */
#ifndef DPC_PARAMETERS_H
#define DPC_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "dpc_model.h"

/* to [width][lanes] = (value - average) inverse, computed in double, the same in every lane */
static inline void dpc_frame_parameters(const double *value, const double *average,
                                        const double *inverse, int32_t width, int32_t lanes,
                                        dpc_real *restrict to) {
  for (int32_t p = 0; p < width; p++)
    for (int32_t a = 0; a < lanes; a++)
      to[p * lanes + a] = (dpc_real)((value[p] - average[p]) * inverse[p]);
}

/* to [width][lanes] = (values of the lane's atom - average) inverse; 0 in lanes without atom */
static inline void dpc_atom_parameters(const dpc_tile *tile, const double *values,
                                       const double *average, const double *inverse, int32_t width,
                                       int32_t lanes, dpc_real *restrict to) {
  for (int32_t p = 0; p < width; p++)
    for (int32_t a = 0; a < lanes; a++)
      to[p * lanes + a] =
          a < tile->count ? (dpc_real)((values[(size_t)tile->atoms[a] * (size_t)width + (size_t)p] -
                                        average[p]) *
                                       inverse[p])
                          : 0;
}

#endif
