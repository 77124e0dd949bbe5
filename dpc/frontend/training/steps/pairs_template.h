/* Kernels of pairs.c for one precision: REAL is float or double, NAME(x) its suffixed name. */

/* phi_m(u) and d phi_m / dx for the M nodes of a panel. */
static inline __attribute__((always_inline)) void NAME(basis)(double u, double scale,
                                                              const double *restrict coefficient,
                                                              REAL *restrict phi,
                                                              REAL *restrict slope) {
  vector t = {0}, before, dt = {0}, dt_before, value[2] = {{0}}, rise[2] = {{0}};
  const vector *rows = (const vector *)coefficient;
  t += 1, before = t * u, dt_before = dt; /* T_-1 = T_1, of slope 0 times T_0 */
  for (int k = 0; k < M; k++) {
    for (int half = 0; half < 2; half++) {
      value[half] += t * rows[2 * k + half];
      rise[half] += dt * rows[2 * k + half];
    }
    const vector next = 2 * u * t - before, dt_next = 2 * (t + u * dt) - dt_before;
    before = t, t = next, dt_before = dt, dt = dt_next;
    if (k == 0) dt -= 1; /* T_1' = 1, where the rule for k > 0 would have 2 */
  }
  rise[0] *= scale, rise[1] *= scale;
  for (int m = 0; m < M; m++) {
    phi[m] = (REAL)value[m / 8][m % 8];
    slope[m] = (REAL)rise[m / 8][m % 8];
  }
}

/* a[i, c, block of the pair's net + node] += R_c phi_node, over the pairs of atom i. */
CLONES void NAME(dpc_spread)(const struct pairs *pairs, const struct grid *grid,
                             int32_t *restrict start, REAL *restrict phi, REAL *restrict slope,
                             REAL *restrict a) {
  const int64_t width = grid->nets * grid->nodes;
  const double scale = 2 * grid->inverse_width;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    REAL *restrict mine = a + i * 4 * width;
    memset(mine, 0, sizeof(REAL) * 4 * width);
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4];
      make_row(pairs, i, p, row);
      double u;
      const int64_t panel = find_panel(row[0], grid->origin, grid->inverse_width, grid->panels, &u);
      const int64_t begin = pairs->net[p] * grid->nodes + panel * (M - 1);
      start[p] = (int32_t)begin;
      NAME(basis)(u, scale, grid->coefficient, phi + p * M, slope + p * M);
      for (int c = 0; c < 4; c++) {
        const REAL weight = (REAL)row[c];
        REAL *restrict to = mine + c * width + begin;
        for (int m = 0; m < M; m++) to[m] += weight * phi[p * M + m];
      }
    }
  }
}

/* dE/dr [pairs, 3] from w = dE/da [atoms, 4, width]. */
CLONES void NAME(dpc_pull)(const struct pairs *pairs, const struct grid *grid,
                           const int32_t *restrict start, const REAL *restrict phi,
                           const REAL *restrict slope, const REAL *restrict w,
                           double *restrict dr) {
  const int64_t width = grid->nets * grid->nodes;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    const REAL *restrict mine = w + i * 4 * width;
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4], bar[4];
      make_row(pairs, i, p, row);
      REAL rise[M] = {0};
      for (int c = 0; c < 4; c++) {
        const REAL *restrict from = mine + c * width + start[p];
        const REAL weight = (REAL)row[c];
        REAL sum[M];
        for (int m = 0; m < M; m++) {
          sum[m] = from[m] * phi[p * M + m];
          rise[m] += weight * from[m];
        }
        bar[c] = NAME(total)(sum);
      }
      for (int m = 0; m < M; m++) rise[m] *= slope[p * M + m];
      bar[0] += NAME(total)(rise);
      row_back(pairs, i, p, bar, dr + 3 * p);
    }
  }
}

/* The change of `a` when the pairs move along f and y. */
CLONES void NAME(dpc_push)(const struct pairs *pairs, const struct grid *grid,
                           const double *restrict f, const double *restrict y,
                           const int32_t *restrict start, const REAL *restrict phi,
                           const REAL *restrict slope, REAL *restrict a) {
  const int64_t width = grid->nets * grid->nodes;
  for (int64_t i = 0; i < pairs->natoms; i++) {
    REAL *restrict mine = a + i * 4 * width;
    memset(mine, 0, sizeof(REAL) * 4 * width);
    for (int64_t p = pairs->first[i]; p < pairs->first[i] + pairs->count[i]; p++) {
      double row[4], moved[4];
      make_row(pairs, i, p, row);
      row_along(pairs, i, p, f, y, moved);
      for (int c = 0; c < 4; c++) {
        const REAL one = (REAL)moved[c], two = (REAL)(row[c] * moved[0]);
        REAL *restrict to = mine + c * width + start[p];
        for (int m = 0; m < M; m++) to[m] += one * phi[p * M + m] + two * slope[p * M + m];
      }
    }
  }
}

/* D = x^T x<, of x [atoms, 4, width] and x< its first `axis` columns: [width, axis] row by row. Or
 * in a `triangle`, without the half that says the same: the rows of x behind the first `axis` come
 * first, then of those only b <= k. */
static inline __attribute__((always_inline)) int64_t NAME(outer_row)(int64_t width, int64_t axis,
                                                                     int64_t triangle, int64_t k) {
  if (!triangle) return k * axis;
  return k < axis ? (width - axis) * axis + k * (k + 1) / 2 : (k - axis) * axis;
}

static inline __attribute__((always_inline)) int64_t NAME(outer_size)(int64_t width, int64_t axis,
                                                                      int64_t triangle) {
  return width * axis - (triangle ? axis * (axis - 1) / 2 : 0);
}

/* Rows of a triangle are written whole: the next one begins where the surplus is. */
static inline __attribute__((always_inline)) void NAME(outer)(int64_t width, int64_t axis,
                                                              int64_t triangle,
                                                              const REAL *restrict x,
                                                              const REAL *restrict few,
                                                              REAL *restrict d) {
  for (int64_t j = 0; j < width; j++) {
    const int64_t k = j < width - axis ? j + axis : j - (width - axis);
    REAL *restrict to = d + NAME(outer_row)(width, axis, triangle, k);
    for (int64_t b = 0; b < axis; b++)
      to[b] = x[k] * few[b] + x[width + k] * few[width + b] +
              x[2 * width + k] * few[2 * width + b] + x[3 * width + k] * few[3 * width + b];
  }
}

CLONES void NAME(dpc_outer)(int64_t natoms, int64_t width, int64_t axis, int64_t triangle,
                            const REAL *restrict x, REAL *restrict d) {
  for (int64_t i = 0; i < natoms; i++) {
    const REAL *mine = x + i * 4 * width;
    REAL *to = d + i * NAME(outer_size)(width, axis, triangle);
    if (axis == 16) NAME(outer)(width, 16, triangle, mine, mine, to);
    else NAME(outer)(width, axis, triangle, mine, mine, to);
  }
}

/* The change of D when x changes by dx. */
static inline __attribute__((always_inline)) void NAME(outer_along)(int64_t width, int64_t axis,
                                                                    int64_t triangle,
                                                                    const REAL *restrict x,
                                                                    const REAL *restrict dx,
                                                                    REAL *restrict dd) {
  for (int64_t j = 0; j < width; j++) {
    const int64_t k = j < width - axis ? j + axis : j - (width - axis);
    REAL *restrict to = dd + NAME(outer_row)(width, axis, triangle, k);
    for (int64_t b = 0; b < axis; b++) to[b] = 0;
    for (int64_t c = 0; c < 4; c++) {
      const REAL one = dx[c * width + k], two = x[c * width + k];
      for (int64_t b = 0; b < axis; b++) to[b] += one * x[c * width + b] + two * dx[c * width + b];
    }
  }
}

CLONES void NAME(dpc_outer_along)(int64_t natoms, int64_t width, int64_t axis, int64_t triangle,
                                  const REAL *restrict x, const REAL *restrict dx,
                                  REAL *restrict dd) {
  for (int64_t i = 0; i < natoms; i++) {
    const int64_t at = i * 4 * width;
    REAL *to = dd + i * NAME(outer_size)(width, axis, triangle);
    if (axis == 16) NAME(outer_along)(width, 16, triangle, x + at, dx + at, to);
    else NAME(outer_along)(width, axis, triangle, x + at, dx + at, to);
  }
}

/* Added to the adjoint of x: that of D; x< bar^T, and x bar on the first columns. */
static inline __attribute__((always_inline)) void NAME(outer_back)(int64_t width, int64_t axis,
                                                                   int64_t triangle,
                                                                   const REAL *restrict x,
                                                                   const REAL *restrict bar,
                                                                   REAL *restrict x_bar) {
  REAL few[4][MOST_AXIS] = {{0}};
  for (int64_t k = 0; k < width; k++) {
    const REAL *restrict from = bar + NAME(outer_row)(width, axis, triangle, k);
    REAL some[MOST_AXIS];
    if (triangle && k < axis) {
      for (int64_t b = 0; b < axis; b++) some[b] = b <= k ? from[b] : 0;
      from = some;
    }
    for (int64_t c = 0; c < 4; c++) {
      REAL sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t b = 0; b < axis; b++) {
        sum += x[c * width + b] * from[b];
        few[c][b] += x[c * width + k] * from[b];
      }
      x_bar[c * width + k] += sum;
    }
  }
  for (int64_t c = 0; c < 4; c++)
    for (int64_t b = 0; b < axis; b++) x_bar[c * width + b] += few[c][b];
}

CLONES void NAME(dpc_outer_back)(int64_t natoms, int64_t width, int64_t axis, int64_t triangle,
                                 const REAL *restrict x, const REAL *restrict bar,
                                 REAL *restrict x_bar) {
  for (int64_t i = 0; i < natoms; i++) {
    const int64_t at = i * 4 * width, from = i * NAME(outer_size)(width, axis, triangle);
    if (axis == 16) NAME(outer_back)(width, 16, triangle, x + at, bar + from, x_bar + at);
    else NAME(outer_back)(width, axis, triangle, x + at, bar + from, x_bar + at);
  }
}
