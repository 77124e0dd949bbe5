/* layer.h: a layer of the fitting net for many centres, as a product of matrices in tiles.
 *
 *   forward   y = act(x W + b) idt + shortcut(x),  slope = act'(x W + b) idt
 *   backward  dx = (dy slope) W^T + shortcut's adjoint of dy
 *
 * A block makes TILE_M rows (centres) by TILE_N columns of the result, in steps of TILE_K; each
 * of its threads MICRO_M by MICRO_N of them. W is [IN][OUT], rows of all matrices are centres.
 */
KERNEL(NAME, LAYER_THREADS)
#if FORWARD
(GLOBAL const real *restrict x, GLOBAL const real *restrict weight,
 GLOBAL const real *restrict bias, GLOBAL const real *restrict idt, GLOBAL real *restrict y,
 GLOBAL real *restrict slope, int count) {
#else
(GLOBAL const real *restrict dy, GLOBAL const real *restrict slope,
 GLOBAL const real *restrict weight, GLOBAL real *restrict dx, int count) {
#endif
  SHARED real left[TILE_K][TILE_M + 4], right[TILE_K][TILE_N + 4];
  const int row = BLOCK / COLUMN_BLOCKS * TILE_M, column = BLOCK % COLUMN_BLOCKS * TILE_N;
  const int my_row = THREAD / (TILE_N / MICRO_N) * MICRO_M;
  const int my_column = THREAD % (TILE_N / MICRO_N) * MICRO_N;
  real sum[MICRO_M][MICRO_N];
  UNROLL
  for (int i = 0; i < MICRO_M; i++) UNROLL
  for (int j = 0; j < MICRO_N; j++) sum[i][j] = R(0.0);

  for (int step = 0; step < INNER; step += TILE_K) {
    for (int e = THREAD; e < TILE_M * TILE_K; e += LAYER_THREADS) {
      const int k = e % TILE_K, m = e / TILE_K;
      real value = R(0.0);
      if (row + m < count && step + k < INNER) {
        const int64 at = (int64)(row + m) * INNER + step + k;
#if FORWARD
        value = x[at];
#else
        value = dy[at] * slope[at];
#endif
      }
      left[k][m] = value;
    }
    for (int e = THREAD; e < TILE_N * TILE_K; e += LAYER_THREADS) {
#if FORWARD
      const int n = e % TILE_N, k = e / TILE_N;
      right[k][n] = step + k < INNER && column + n < OUTER
                        ? weight[(int64)(step + k) * OUTER + column + n]
                        : R(0.0);
#else
      const int k = e % TILE_K, n = e / TILE_K;
      right[k][n] = step + k < INNER && column + n < OUTER
                        ? weight[(int64)(column + n) * INNER + step + k]
                        : R(0.0);
#endif
    }
    BARRIER();
    UNROLL
    for (int k = 0; k < TILE_K; k++) {
      real a[MICRO_M], b[MICRO_N];
      UNROLL
      for (int i = 0; i < MICRO_M; i++) a[i] = left[k][my_row + i];
      UNROLL
      for (int j = 0; j < MICRO_N; j++) b[j] = right[k][my_column + j];
      UNROLL
      for (int i = 0; i < MICRO_M; i++) UNROLL
      for (int j = 0; j < MICRO_N; j++) sum[i][j] += a[i] * b[j];
    }
    BARRIER();
  }

  UNROLL
  for (int i = 0; i < MICRO_M; i++) {
    UNROLL
    for (int j = 0; j < MICRO_N; j++) {
      const int64 m = row + my_row + i;
      const int n = column + my_column + j;
      if (m >= count || n >= OUTER) continue;
#if FORWARD
      real act;
      real value = ACTIVATE(sum[i][j] + bias[n], &act);
#if TIMESTEP
      value *= idt[n];
      act *= idt[n];
#endif
#if SHORTCUT
      value += x[m * INNER + n % INNER];
#endif
      y[m * OUTER + n] = value;
      slope[m * OUTER + n] = act;
#else
      real value = sum[i][j];
#if SHORTCUT
      value += dy[m * INNER + n];
#if SHORTCUT == 2
      value += dy[m * INNER + n + OUTER];
#endif
#endif
      dx[m * OUTER + n] = value;
#endif
    }
  }
}
