/* expand.h: to [4][TO] = from [4][FROM] C, or C^T of C [TO][FROM]; one block is one centre. */
KERNEL(NAME, PRODUCT_THREADS)
(GLOBAL const real *restrict from, GLOBAL const real *restrict columns, int net,
 GLOBAL real *restrict to) {
  SHARED real own[4][FROM];
  GLOBAL const real *c = columns + (int64)net * (FROM * TO);
  for (int k = THREAD; k < 4 * FROM; k += PRODUCT_THREADS)
    own[k / FROM][k % FROM] = from[(int64)BLOCK * 4 * FROM + k];
  BARRIER();
  for (int k = THREAD; k < 4 * TO; k += PRODUCT_THREADS) {
    const int a = k / TO, m = k % TO;
    real sum = R(0.0);
    for (int p = 0; p < FROM; p++) sum += own[a][p] * c[TRANSPOSED ? m * FROM + p : p * TO + m];
    to[(int64)BLOCK * 4 * TO + k] = sum;
  }
}
