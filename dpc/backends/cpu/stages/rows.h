/* rows.h: the rows of one tile: one row for each neighbour of each centre.
 *
 * The rows of a centre lie together, those of one neighbour type beside each other, and
 * every centre starts at a multiple of DPC_ROW_BLOCK rows, so that a loop over the rows
 * of a centre is a loop over whole vectors. The rows that fill the last block (filler
 * rows) lie at the cutoff, where everything is zero.
 *
 * dpc_real is the number format of the model from the rows on, double or float: plan.c says
 * which before it includes this.
 */
#ifndef DPC_ROWS_H
#define DPC_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "dpc_model.h"

enum { DPC_ALIGNMENT = 64, DPC_ROW_BLOCK = DPC_ALIGNMENT / sizeof(dpc_real) };

typedef struct dpc_rows {
  int32_t *atom;         /* j, the neighbour */
  dpc_real *x, *y, *z;   /* r_j - r_i, angstrom */
  dpc_real *env;         /* [row][4] normalised (s, s x/r, s y/r, s z/r) */
  dpc_real *slope_s;     /* s'(r) / r */
  dpc_real *a, *slope_a; /* a = s/r, a'(r) / r */
  int32_t *piece;        /* the row of the table that holds env[row][0] ... */
  dpc_real *t;           /* ... and how far into it */
  dpc_real *denv;        /* [row][4] dE/denv, then dE/d(r_j - r_i) in its first three */
} dpc_rows;

static inline size_t dpc_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* The next `bytes` of the workspace, aligned. */
static inline void *dpc_take(char **at, size_t bytes) {
  char *p = *at;
  *at += dpc_round_up(bytes, DPC_ALIGNMENT);
  return p;
}

/* What dpc_rows_take takes. */
static inline size_t dpc_rows_bytes(size_t n) {
  return 2 * dpc_round_up(n * sizeof(int32_t), DPC_ALIGNMENT) +
         7 * dpc_round_up(n * sizeof(dpc_real), DPC_ALIGNMENT) +
         2 * dpc_round_up(n * 4 * sizeof(dpc_real), DPC_ALIGNMENT);
}

/* Room for `n` rows. */
static inline dpc_rows dpc_rows_take(char **at, size_t n) {
  dpc_rows r;
  r.atom = dpc_take(at, n * sizeof(int32_t));
  r.x = dpc_take(at, n * sizeof(dpc_real));
  r.y = dpc_take(at, n * sizeof(dpc_real));
  r.z = dpc_take(at, n * sizeof(dpc_real));
  r.env = dpc_take(at, n * 4 * sizeof(dpc_real));
  r.slope_s = dpc_take(at, n * sizeof(dpc_real));
  r.a = dpc_take(at, n * sizeof(dpc_real));
  r.slope_a = dpc_take(at, n * sizeof(dpc_real));
  r.piece = dpc_take(at, n * sizeof(int32_t));
  r.t = dpc_take(at, n * sizeof(dpc_real));
  r.denv = dpc_take(at, n * 4 * sizeof(dpc_real));
  return r;
}

/* The same arrays from row `first` on. */
static inline dpc_rows dpc_rows_from(dpc_rows r, size_t first) {
  r.atom += first;
  r.x += first;
  r.y += first;
  r.z += first;
  r.env += 4 * first;
  r.slope_s += first;
  r.a += first;
  r.slope_a += first;
  r.piece += first;
  r.t += first;
  r.denv += 4 * first;
  return r;
}

/* The entries of all the lists of a tile together, which bounds its rows. */
static inline int64_t dpc_list_entries(const dpc_tile *tile) {
  int64_t n = 0;
  for (int32_t c = 0; c < tile->count; c++) n += tile->numneigh[c];
  return n;
}

#endif
