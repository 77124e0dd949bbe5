/* layer.h: a layer of the fitting net for many centres, as a product of matrices in tiles.
 *
 *   forward   y = act(x W + b) idt + shortcut(x),  slope = act'(x W + b) idt
 *   backward  dx = (dy slope) W^T + shortcut's adjoint of dy
 *
 * A block makes TILE_M rows (centres) by TILE_N columns of the result, in steps of TILE_K; each
 * of its threads MICRO_M by MICRO_N of them. W is [IN][OUT], rows of all matrices are centres.
 *
 * With MATRIX both factors are rounded to bfloat16 and MATRIX_GROUP threads multiply 16 rows by
 * MATRIX_N columns together, see matrix.h: MICRO_M such tiles, of which each thread has four.
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
#if MATRIX
  SHARED ALIGNED ushort left[TILE_M][TILE_K + 8];
  SHARED ALIGNED ushort right[TILE_N][TILE_K + 8];
#else
  SHARED real left[TILE_K][TILE_M + 4], right[TILE_K][TILE_N + 4];
#endif
  const int row = BLOCK / COLUMN_BLOCKS * TILE_M, column = BLOCK % COLUMN_BLOCKS * TILE_N;
#if MATRIX
  const int lane = THREAD % MATRIX_GROUP, group = THREAD / MATRIX_GROUP;
  const int my_row = group % (TILE_M / 16) * 16;
  const int my_column = group / (TILE_M / 16) * (MICRO_M * MATRIX_N);
#else
  const int my_row = THREAD / (TILE_N / MICRO_N) * MICRO_M;
  const int my_column = THREAD % (TILE_N / MICRO_N) * MICRO_N;
#endif
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
#if MATRIX
      left[m][k] = to_bfloat16(value);
#else
      left[k][m] = value;
#endif
    }
    for (int e = THREAD; e < TILE_N * TILE_K; e += LAYER_THREADS) {
#if FORWARD
      const int n = e % TILE_N, k = e / TILE_N;
      const int64 at = (int64)(step + k) * OUTER + column + n;
#else
      const int k = e % TILE_K, n = e / TILE_K;
      const int64 at = (int64)(column + n) * INNER + step + k;
#endif
      real value = R(0.0);
      if (step + k < INNER && column + n < OUTER) value = weight[at];
#if MATRIX
      right[n][k] = to_bfloat16(value);
#else
      right[k][n] = value;
#endif
    }
    BARRIER();
#if MATRIX
    UNROLL
    for (int i = 0; i < MICRO_M; i++)
      multiply_tile(&left[my_row][0], &right[my_column + i * MATRIX_N][0], TILE_K + 8, lane,
                    sum[i]);
#else
    UNROLL_SOME
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
#endif
    BARRIER();
  }

  UNROLL
  for (int i = 0; i < MICRO_M; i++) {
    UNROLL
    for (int j = 0; j < MICRO_N; j++) {
#if MATRIX
      const int64 m = row + my_row + MATRIX_ROW(lane, j);
      const int n = column + my_column + i * MATRIX_N + MATRIX_COLUMN(lane, j);
#else
      const int64 m = row + my_row + i;
      const int n = column + my_column + j;
#endif
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
