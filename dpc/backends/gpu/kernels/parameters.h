/* parameters.h: (value - average) inverse of frame or atom parameters, as columns of d. */
KERNEL(NAME, SUM_THREADS)
(GLOBAL const double *restrict values, GLOBAL const double *restrict average,
 GLOBAL const double *restrict inverse, GLOBAL const int *restrict centers, int first, int count,
 GLOBAL real *restrict d) {
  const int c = BLOCK * SUM_THREADS + THREAD;
  if (c >= count) return;
  for (int p = 0; p < WIDTH; p++) {
    const int64 at = PER_ATOM ? (int64)centers[first + c] * WIDTH + p : p;
    d[(int64)c * D_STRIDE + D_FIRST + p] = (real)((values[at] - average[p]) * inverse[p]);
  }
}
