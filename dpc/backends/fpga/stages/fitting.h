/* fitting.h: from X of a tile of centres to their energies and dE/dX. */
#ifndef DPC_FITTING_H
#define DPC_FITTING_H

#include <string.h>

#include "fixed.h"
#include "shape.h"

/* The numbers of one type of centre. */
typedef struct fitting {
  const int32_t *weight[LAYERS]; /* [inputs][outputs] */
  const int64_t *bias[LAYERS], *z_shift[LAYERS], *idt[LAYERS], *back_shift[LAYERS];
  const int32_t *head, *head_back, *act, *pairs;
  int64_t head_bias;
} fitting;

static inline void descriptor(const int32_t *pairs, const int32_t *x, int32_t *d) {
  for (int k = 0; k < PRODUCTS; k++) {
    const int a = pairs[2 * k], b = pairs[2 * k + 1];
    int64_t sum = 0;
    for (int c = 0; c < 4; c++) sum += (int64_t)x[c * WIDTH + a] * x[c * WIDTH + b];
    d[k] = dpc_round(sum, SHIFT_D, DATA_BITS);
  }
}

static inline void descriptor_back(const int32_t *pairs, const int32_t *x, const int32_t *dd,
                                   int32_t *dx) {
  int64_t sum[4 * WIDTH];
  memset(sum, 0, sizeof sum);
  for (int k = 0; k < PRODUCTS; k++) {
    const int a = pairs[2 * k], b = pairs[2 * k + 1];
    for (int c = 0; c < 4; c++) {
      sum[c * WIDTH + a] += (int64_t)dd[k] * x[c * WIDTH + b];
      sum[c * WIDTH + b] += (int64_t)dd[k] * x[c * WIDTH + a];
    }
  }
  for (int k = 0; k < 4 * WIDTH; k++) dx[k] = dpc_round(sum[k], SHIFT_DX, X_BITS);
}

/* What a packed layer multiplies its weights with. */
static inline int32_t cut(int64_t x, int shift) {
  return (int32_t)(dpc_round(x, shift, PACKED_DATA_BITS) * (1 << SHIFT_CUT));
}

/* x[a] to y[a] through layer l for the n centres of a tile; slopes g for the way back. */
static inline void layer(const fitting *f, int l, int n, int32_t (*restrict x)[WIDEST],
                         int32_t (*restrict y)[WIDEST], int32_t (*restrict g)[WIDEST]) {
  const int inputs = WIDTHS[l], outputs = WIDTHS[l + 1];
  static const int shift[] = {0, ACT_SHIFT_1, ACT_SHIFT_2, ACT_SHIFT_3};
  int64_t sum[TILE][WIDEST];
  for (int a = 0; a < n; a++) memcpy(sum[a], f->bias[l], sizeof(int64_t) * (size_t)outputs);
  for (int i = 0; i < inputs; i++) {
    const int32_t *restrict w = f->weight[l] + (size_t)i * (size_t)outputs;
    for (int a = 0; a < n; a++) {
      const int32_t from = PACKED[l] ? cut(x[a][i], SHIFT_CUT) : x[a][i];
      int64_t *restrict to = sum[a];
      for (int o = 0; o < outputs; o++) to[o] += (int64_t)from * w[o];
    }
  }
  for (int a = 0; a < n; a++)
    for (int o = 0; o < outputs; o++) {
      const int32_t v = dpc_round(sum[a][o], (int)f->z_shift[l][o], Z_BITS) + (1 << (Z_BITS - 1));
      int32_t value, slope;
      dpc_cubic(f->act + 4 * (v >> T_BITS), v & ((1 << T_BITS) - 1), shift, &value, &slope);
      const int64_t idt = f->idt[l][o];
      y[a][o] = dpc_round(idt * value, SHIFT_Y[l], DATA_BITS);
      g[a][o] = dpc_round(idt * slope, SHIFT_SLOPE[l], ROW_BITS);
      if (RESNET[l]) y[a][o] = (int32_t)dpc_clip((int64_t)y[a][o] + x[a][o], DATA_BITS);
    }
}

/* The adjoint b[a] of the outputs of layer l to that of its inputs, in place. */
static inline void layer_back(const fitting *f, int l, int n, int32_t (*restrict g)[WIDEST],
                              int32_t (*restrict b)[WIDEST]) {
  const int inputs = WIDTHS[l], outputs = WIDTHS[l + 1];
  int32_t gz[TILE][WIDEST];
  for (int a = 0; a < n; a++)
    for (int o = 0; o < outputs; o++) {
      const int64_t slope = (int64_t)b[a][o] * g[a][o];
      const int shift = (int)f->back_shift[l][o];
      gz[a][o] = PACKED[l] ? cut(slope, shift + SHIFT_CUT) : dpc_round(slope, shift, DATA_BITS);
    }
  for (int i = 0; i < inputs; i++) {
    const int32_t *restrict w = f->weight[l] + (size_t)i * (size_t)outputs;
    for (int a = 0; a < n; a++) {
      const int64_t from = dpc_round(dpc_dot(w, gz[a], outputs), SHIFT_BACK[l], DATA_BITS);
      b[a][i] = (int32_t)(RESNET[l] ? dpc_clip(from + b[a][i], DATA_BITS) : from);
    }
  }
}

/* Energies, and dE/dX in place of X. */
static inline void fit(const fitting *f, int n, int32_t (*x)[4 * WIDTH], int32_t *energy) {
  static _Thread_local int32_t act[LAYERS + 1][TILE][WIDEST], g[LAYERS][TILE][WIDEST];
  int32_t (*back)[WIDEST] = act[LAYERS];
  for (int a = 0; a < n; a++) descriptor(f->pairs, x[a], act[0][a]);
  for (int l = 0; l < LAYERS; l++) layer(f, l, n, act[l], act[l + 1], g[l]);
  for (int a = 0; a < n; a++) {
    const int64_t sum = f->head_bias + dpc_dot(act[LAYERS][a], f->head, WIDTHS[LAYERS]);
    energy[a] = dpc_round(sum, SHIFT_ENERGY, OUT_BITS);
    memcpy(back[a], f->head_back, sizeof(int32_t) * (size_t)WIDTHS[LAYERS]);
  }
  for (int l = LAYERS - 1; l >= 0; l--) layer_back(f, l, n, g[l], back);
  for (int a = 0; a < n; a++) {
    int32_t dx[4 * WIDTH];
    descriptor_back(f->pairs, x[a], back[a], dx);
    memcpy(x[a], dx, sizeof dx);
  }
}

#endif
