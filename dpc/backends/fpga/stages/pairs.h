/* pairs.h: neighbours of a centre: the pair table, their sum X, and dE/dr from dE/dX. */
#ifndef DPC_PAIRS_H
#define DPC_PAIRS_H

#include "fixed.h"
#include "shape.h"

typedef struct pair {
  int32_t atom, type, octave;
  int32_t r[3], s, h, s_slope, h_slope;
  int32_t row[4], back[4]; /* R, and R on its way back */
  int32_t g[COLUMNS], g_slope[COLUMNS];
} pair;

/* |r|^2, unsigned and saturated. */
static inline int64_t square(const int32_t *r) {
  int64_t sum = 0;
  for (int c = 0; c < 3; c++) sum += (int64_t)r[c] * r[c];
  const int64_t u = dpc_rnd(sum, U_SHIFT), most = ((int64_t)1 << U_BITS) - 1;
  return u < most ? u : most;
}

/* Everything that the table gives for a neighbour at u, and R. */
static inline void look_up(const int32_t *table, int64_t u, pair *p) {
  int octave = 0;
  while (octave < OCTAVES - 1 && u >> (ROW_BITS_OF_TABLE + T_BITS + octave)) octave++;
  p->octave = octave > 1 ? octave - 1 : 0;
  const int64_t v = u >> p->octave, t = v & ((1 << T_BITS) - 1);
  const int64_t row =
      (octave << ROW_BITS_OF_TABLE) + ((v >> T_BITS) & ((1 << ROW_BITS_OF_TABLE) - 1));
  const int32_t *c = table + row * (COLUMNS + 2) * 4;
  int32_t value[COLUMNS + 2], slope[COLUMNS + 2];
  for (int k = 0; k < COLUMNS + 2; k++) dpc_cubic(c + 4 * k, t, VALUE_SHIFT, value + k, slope + k);
  p->s = value[0], p->h = value[1], p->s_slope = slope[0], p->h_slope = slope[1];
  for (int m = 0; m < COLUMNS; m++) {
    p->g[m] = dpc_round(value[m + 2], G_SHIFT, ROW_BITS);
    p->g_slope[m] = slope[m + 2];
  }
  p->row[0] = dpc_round(p->s, SHIFT_ROW_S, DATA_BITS);
  for (int c3 = 0; c3 < 3; c3++)
    p->row[c3 + 1] = dpc_round((int64_t)p->h * p->r[c3], SHIFT_ROW_H, DATA_BITS);
  for (int c4 = 0; c4 < 4; c4++) p->back[c4] = dpc_round(p->row[c4], ROW_SHIFT, ROW_BITS);
}

/* Add a neighbour to the sums of its block, [4][WIDTH]. */
static inline void add_pair(const pair *p, const int64_t *pad, int64_t *sums) {
  int64_t *block = sums + (SPLIT ? p->type * COLUMNS : 0);
  for (int m = 0; m < COLUMNS; m++) block[m] -= pad[m];
  for (int c = 0; c < 4; c++)
    for (int m = 0; m < COLUMNS; m++) block[c * WIDTH + m] += (int64_t)p->row[c] * p->g[m];
}

/* dE/dr of a neighbour, from dE/dX [4][WIDTH]. */
static inline void slope_of_pair(const pair *p, const int32_t *dx, int32_t *f) {
  const int32_t *own = dx + (SPLIT ? p->type * COLUMNS : 0);
  int64_t sum_g = 0, dr_sum[4] = {0, 0, 0, 0}, along = 0;
  for (int m = 0; m < COLUMNS; m++) {
    int64_t dg = 0;
    for (int c = 0; c < 4; c++) {
      dg += (int64_t)p->back[c] * own[c * WIDTH + m];
      dr_sum[c] += (int64_t)own[c * WIDTH + m] * p->g[m];
    }
    sum_g += (int64_t)dpc_round(dg, DG_SHIFT, X_BITS) * p->g_slope[m];
  }
  int32_t dr[4];
  for (int c = 0; c < 4; c++) dr[c] = dpc_round(dr_sum[c], SHIFT_DR, X_BITS);
  for (int c = 0; c < 3; c++) along += (int64_t)dr[c + 1] * p->r[c];
  const int64_t al = dpc_round(along, SHIFT_ALONG, X_BITS);
  const int64_t dt =
      dpc_clip(dpc_round(sum_g, SHIFT_DT_G, X_BITS) +
                   (int64_t)dpc_round((int64_t)dr[0] * p->s_slope, SHIFT_DT_S, X_BITS) +
                   dpc_round(al * p->h_slope, SHIFT_DT_H, X_BITS),
               X_BITS);
  for (int c = 0; c < 3; c++)
    f[c] = (int32_t)dpc_clip((int64_t)dpc_round(dt * p->r[c], SHIFT_F_U + p->octave, OUT_BITS) +
                                 dpc_round((int64_t)p->h * dr[c + 1], SHIFT_F_H, OUT_BITS),
                             OUT_BITS);
}

#endif
