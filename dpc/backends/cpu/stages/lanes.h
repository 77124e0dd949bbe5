/* lanes.h: between the arrays of one atom and arrays [feature][lane], one lane an atom.
 *
 * x of one atom is [blocks][4][padded]: `padded` features to a line, of which `width` count.
 * In lanes it is [4][blocks * width][lanes].
 */
#ifndef DPC_LANES_H
#define DPC_LANES_H

#include <stddef.h>
#include <stdint.h>

/* lane `a` of `to` = scale * x */
static inline void dpc_to_lane(const dpc_real *restrict x, dpc_real scale, int32_t blocks,
                               int32_t width, int32_t padded, int32_t lanes, int32_t a,
                               dpc_real *restrict to) {
  for (int32_t t = 0; t < blocks; t++)
    for (int32_t c = 0; c < 4; c++)
      for (int32_t m = 0; m < width; m++)
        to[(size_t)((c * blocks + t) * width + m) * (size_t)lanes + (size_t)a] =
            scale * x[(t * 4 + c) * padded + m];
}

/* x = scale * lane `a` of `from`; the columns after `width` are left alone */
static inline void dpc_from_lane(const dpc_real *restrict from, dpc_real scale, int32_t blocks,
                                 int32_t width, int32_t padded, int32_t lanes, int32_t a,
                                 dpc_real *restrict x) {
  for (int32_t t = 0; t < blocks; t++)
    for (int32_t c = 0; c < 4; c++)
      for (int32_t m = 0; m < width; m++)
        x[(t * 4 + c) * padded + m] =
            scale * from[(size_t)((c * blocks + t) * width + m) * (size_t)lanes + (size_t)a];
}

/* x [4][padded] += count * constant [4][width]: `count` empty slots of one type */
static inline void dpc_add_empty_slots(dpc_real count, const dpc_real *restrict constant,
                                       int32_t lines, int32_t width, int32_t padded,
                                       dpc_real *restrict x) {
  for (int32_t c = 0; c < lines; c++)
    for (int32_t m = 0; m < width; m++) x[c * padded + m] += count * constant[c * width + m];
}

#endif
