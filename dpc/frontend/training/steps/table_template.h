/* Frozen embedding nets as polynomials, for one precision: REAL is float or double, NAME(x) its
 * suffixed name. Columns are a multiple of WIDE. */

typedef REAL NAME(wide)
    __attribute__((vector_size(WIDE * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* The polynomials of a pair's net and panel, [TERMS, columns], and where in the panel it is. */
static inline __attribute__((always_inline)) const REAL *NAME(piece)(const struct table *table,
                                                                     int32_t type, int32_t net,
                                                                     double x, REAL *u) {
  double within;
  const int64_t panel = find_panel(x, table->origin, table->inverse_width, table->panels, &within);
  *u = (REAL)within;
  return (const REAL *)table->coefficient +
         ((table->side * type + net) * table->panels + panel) * TERMS * table->columns;
}

static inline __attribute__((always_inline)) double NAME(total_wide)(NAME(wide) x) {
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  return (double)x[0] + (double)x[1];
}

/* WIDE columns of G at u, and of dG/du. */
static inline __attribute__((always_inline)) void NAME(columns)(const REAL *restrict piece,
                                                                int64_t columns, REAL u,
                                                                NAME(wide) * g,
                                                                NAME(wide) * slope) {
  NAME(wide) value = *(const NAME(wide) *)(piece + (TERMS - 1) * columns), rise = {0};
  for (int k = TERMS - 2; k >= 0; k--) {
    rise = rise * u + value;
    value = value * u + *(const NAME(wide) *)(piece + k * columns);
  }
  *g = value, *slope = rise;
}

/* X [atoms, 4, columns] = sum over the pairs of R_c G. */
CLONES void NAME(dpc_table_rows)(const struct pairs *pairs, const struct table *table,
                                 REAL *restrict x) {
  const int64_t columns = table->columns;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    REAL *restrict mine = x + i * 4 * columns;
    memset(mine, 0, sizeof(REAL) * 4 * columns);
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4];
      make_row(pairs, i, p, row);
      REAL u;
      const REAL *piece = NAME(piece)(table, pairs->type[i], pairs->net[p], row[0], &u);
      for (int64_t k = 0; k < columns; k += WIDE) {
        NAME(wide) g, slope;
        NAME(columns)(piece + k, columns, u, &g, &slope);
        for (int c = 0; c < 4; c++) *(NAME(wide) *)(mine + c * columns + k) += g * (REAL)row[c];
      }
    }
  }
}

/* dE/dr [pairs, 3] from dE/dX [atoms, 4, columns]. */
CLONES void NAME(dpc_table_pull)(const struct pairs *pairs, const struct table *table,
                                 const REAL *restrict x_bar, double *restrict dr) {
  const int64_t columns = table->columns;
  const double per_u = 2 * table->inverse_width;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    const REAL *restrict mine = x_bar + i * 4 * columns;
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4], bar[4];
      make_row(pairs, i, p, row);
      REAL u;
      const REAL *piece = NAME(piece)(table, pairs->type[i], pairs->net[p], row[0], &u);
      NAME(wide) sum[4] = {{0}}, rise = {0};
      for (int64_t k = 0; k < columns; k += WIDE) {
        NAME(wide) g, slope, along = {0};
        NAME(columns)(piece + k, columns, u, &g, &slope);
        for (int c = 0; c < 4; c++) {
          const NAME(wide) from = *(const NAME(wide) *)(mine + c * columns + k);
          sum[c] += from * g;
          along += from * (REAL)row[c];
        }
        rise += along * slope;
      }
      for (int c = 0; c < 4; c++) bar[c] = NAME(total_wide)(sum[c]);
      bar[0] += NAME(total_wide)(rise) * per_u;
      row_back(pairs, i, p, bar, dr + 3 * p);
    }
  }
}

/* The change of X when the pairs move along f and y. */
CLONES void NAME(dpc_table_push)(const struct pairs *pairs, const struct table *table,
                                 const double *restrict f, const double *restrict y,
                                 REAL *restrict change) {
  const int64_t columns = table->columns;
  const double per_u = 2 * table->inverse_width;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    REAL *restrict mine = change + i * 4 * columns;
    memset(mine, 0, sizeof(REAL) * 4 * columns);
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4], moved[4];
      make_row(pairs, i, p, row);
      row_along(pairs, i, p, f, y, moved);
      REAL u;
      const REAL *piece = NAME(piece)(table, pairs->type[i], pairs->net[p], row[0], &u);
      for (int64_t k = 0; k < columns; k += WIDE) {
        NAME(wide) g, slope;
        NAME(columns)(piece + k, columns, u, &g, &slope);
        slope *= (REAL)(moved[0] * per_u);
        for (int c = 0; c < 4; c++)
          *(NAME(wide) *)(mine + c * columns + k) += g * (REAL)moved[c] + slope * (REAL)row[c];
      }
    }
  }
}
