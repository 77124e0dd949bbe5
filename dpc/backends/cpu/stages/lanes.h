/* lanes.h: between the arrays of one atom and arrays [feature][lane], one lane an atom.
 *
 * x of one atom is [4][width]: `padded` features to a line, of which `width` count. In
 * lanes it is [4 * width][lanes].
 */
#ifndef DPC_LANES_H
#define DPC_LANES_H

#include <stddef.h>
#include <stdint.h>

/* lane `a` of lanes [4*width][lanes] = scale * x [4][padded] */
static inline void dpc_to_lane(const double *restrict x, double scale, int32_t width,
                               int32_t padded, int32_t lanes, int32_t a, double *restrict to) {
  for (int32_t c = 0; c < 4; c++)
    for (int32_t m = 0; m < width; m++)
      to[(size_t)(c * width + m) * (size_t)lanes + (size_t)a] = scale * x[c * padded + m];
}

/* x [4][padded] = scale * lane `a`; the columns after `width` are left alone */
static inline void dpc_from_lane(const double *restrict from, double scale, int32_t width,
                                 int32_t padded, int32_t lanes, int32_t a, double *restrict x) {
  for (int32_t c = 0; c < 4; c++)
    for (int32_t m = 0; m < width; m++)
      x[c * padded + m] = scale * from[(size_t)(c * width + m) * (size_t)lanes + (size_t)a];
}

/* x [4][padded] += count * constant [4][width]: `count` empty slots of one type */
static inline void dpc_add_empty_slots(double count, const double *restrict constant, int32_t lines,
                                       int32_t width, int32_t padded, double *restrict x) {
  for (int32_t c = 0; c < lines; c++)
    for (int32_t m = 0; m < width; m++) x[c * padded + m] += count * constant[c * width + m];
}

#endif
