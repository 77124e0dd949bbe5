/* head.h: e = y . w + b of every centre, and w as dE/dy. HEAD_LANES threads share a centre. */
KERNEL(NAME, HEAD_THREADS)
(GLOBAL const real *restrict y, GLOBAL const real *restrict weight,
 GLOBAL const real *restrict bias, GLOBAL real *restrict e, GLOBAL real *restrict dy, int count) {
  SHARED real parts[HEAD_THREADS / HEAD_LANES][HEAD_LANES];
  const int lane = THREAD % HEAD_LANES, own = THREAD / HEAD_LANES;
  const int64 m = (int64)BLOCK * (HEAD_THREADS / HEAD_LANES) + own;
  real sum = R(0.0);
  if (m < count)
    for (int n = lane; n < INNER; n += HEAD_LANES) {
      sum += y[m * INNER + n] * weight[n];
      dy[m * INNER + n] = weight[n];
    }
  parts[own][lane] = sum;
  BARRIER();
  if (lane == 0 && m < count) {
    sum = bias[0];
    for (int l = 0; l < HEAD_LANES; l++) sum += parts[own][l];
    e[m] = sum;
  }
}
