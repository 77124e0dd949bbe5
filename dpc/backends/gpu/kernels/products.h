/* products.h: d_k = sum_a x_ai x_aj for the pairs (i, j) of columns, and the way back.
 * One block is one centre, its x [4][W] in shared memory. */
#if FORWARD
KERNEL(NAME, PRODUCT_THREADS)
(GLOBAL const real *restrict x, GLOBAL const int *restrict pairs, GLOBAL real *restrict d) {
  SHARED real own[4][W];
  for (int k = THREAD; k < 4 * W; k += PRODUCT_THREADS)
    own[k / W][k % W] = x[(int64)BLOCK * 4 * W + k];
  BARRIER();
  for (int k = THREAD; k < PAIRS; k += PRODUCT_THREADS) {
    const int i = pairs[2 * k], j = pairs[2 * k + 1];
    d[(int64)BLOCK * D_STRIDE + D_FIRST + k] = own[0][i] * own[0][j] + own[1][i] * own[1][j] +
                                               own[2][i] * own[2][j] + own[3][i] * own[3][j];
  }
}
#else
/* dx_ai = sum over the pairs of column i of dd_k x_aj: partners[start[i] ..] are (k, j). */
KERNEL(NAME, PRODUCT_THREADS)
(GLOBAL const real *restrict x, GLOBAL const real *restrict dd, GLOBAL const int *restrict start,
 GLOBAL const int *restrict partners, GLOBAL real *restrict dx) {
  SHARED real own[4][W];
#if STAGED
  SHARED real slope[PAIRS];
#else /* too many for the memory of a block */
  GLOBAL const real *slope = dd + (int64)BLOCK * D_STRIDE + D_FIRST;
#endif
  for (int k = THREAD; k < 4 * W; k += PRODUCT_THREADS)
    own[k / W][k % W] = x[(int64)BLOCK * 4 * W + k];
#if STAGED
  for (int k = THREAD; k < PAIRS; k += PRODUCT_THREADS)
    slope[k] = dd[(int64)BLOCK * D_STRIDE + D_FIRST + k];
#endif
  BARRIER();
  for (int k = THREAD; k < 4 * W; k += PRODUCT_THREADS) {
    const int a = k / W, i = k % W;
    real sum = R(0.0);
    for (int p = start[i]; p < start[i + 1]; p++)
      sum += slope[partners[2 * p]] * own[a][partners[2 * p + 1]];
    dx[(int64)BLOCK * 4 * W + k] = sum;
  }
}
#endif
