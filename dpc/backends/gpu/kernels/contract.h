/* contract.h: x = scale sum_j R_j^T G(s_j) + what empty slots add; one block is one centre.
 * G comes from a table, or with NET from the net itself.
 *
 * LANES threads side by side hold columns of G, GROUPS of them take every GROUPS-th neighbour.
 */
KERNEL(contract, CONTRACT_THREADS)
(GLOBAL const double *restrict coord, GLOBAL const int *restrict centers, int first,
 int center_type, GLOBAL const int *restrict rows, GLOBAL const int *restrict slots,
 GLOBAL const real *restrict shift, GLOBAL const real *restrict inverse_std,
 GLOBAL const real *restrict table, GLOBAL const real *restrict pad, GLOBAL real *restrict x,
 GLOBAL int64 *restrict counters) {
  SHARED real env[CONTRACT_ROWS][4];
#if NET
  SHARED real value[NET_SUM * CONTRACT_ROWS], rate[NET_SUM * CONTRACT_ROWS];
#else
  SHARED real into[CONTRACT_ROWS];
  SHARED int piece[CONTRACT_ROWS];
#endif
  SHARED real sums[4][CONTRACT_THREADS];
  const int i = centers[first + BLOCK];
  const int lane = THREAD % CONTRACT_LANES, group = THREAD / CONTRACT_LANES;
  real own[CONTRACT_COLUMNS][4];
  for (int q = 0; q < CONTRACT_COLUMNS; q++)
    for (int a = 0; a < 4; a++) own[q][a] = R(0.0);

  for (int t = 0; t < NTYPES; t++) {
    const int n = USE[center_type][t] == USED ? slots[(int64)BLOCK * NTYPES + t] : 0;
    GLOBAL const real *net = table + (int64)WHICH_NET(center_type, t) * NET_SIZE;
    for (int base = 0; base < n; base += CONTRACT_ROWS) {
      const int left = n - base, count = left < CONTRACT_ROWS ? left : CONTRACT_ROWS;
      BARRIER();
      if (THREAD < count) {
        const int j = rows[(int64)BLOCK * NNEI + FIRST[t] + base + THREAD];
        const environment_row r =
            environment(coord, i, j, shift + 4 * center_type, inverse_std + 4 * center_type);
        check_distance(r, i, j, counters);
#if NET
        value[THREAD] = r.env0;
#else
        if (r.env0 >= TABLE_UPPER) ADD_LONG(counters + COUNT_EXTRAPOLATED, 1);
        piece[THREAD] = piece_of(r.env0);
        into[THREAD] = r.env0 - (TABLE_LOWER + R(piece[THREAD]) * TABLE_STRIDE);
#endif
        env[THREAD][0] = r.env0;
        env[THREAD][1] = r.env1;
        env[THREAD][2] = r.env2;
        env[THREAD][3] = r.env3;
      }
      BARRIER();
#if NET
      net_forward(net, value, rate, count, CONTRACT_ROWS, CONTRACT_THREADS);
#endif
      for (int k = group; k < count; k += CONTRACT_GROUPS) {
#if !NET
        const real u = into[k];
#endif
        UNROLL
        for (int q = 0; q < CONTRACT_COLUMNS; q++) {
          const int m = lane + q * CONTRACT_LANES;
          if (m < M) {
#if NET
            const real g = value[(NET_LAST + m) * CONTRACT_ROWS + k];
#else
            GLOBAL const real *c = net + (int64)piece[k] * (6 * M) + m;
            const real g =
                ((((c[5 * M] * u + c[4 * M]) * u + c[3 * M]) * u + c[2 * M]) * u + c[M]) * u + c[0];
#endif
            UNROLL
            for (int a = 0; a < 4; a++) own[q][a] += env[k][a] * g;
          }
        }
      }
    }
    if (!SPLIT && t < NTYPES - 1) continue;
    const int t0 = SPLIT ? t : 0; /* the types whose empty slots add to these columns: to t */
    for (int q = 0; q < CONTRACT_COLUMNS; q++) {
      BARRIER();
      for (int a = 0; a < 4; a++) {
        sums[a][THREAD] = own[q][a];
        own[q][a] = R(0.0);
      }
      BARRIER();
      for (int k = THREAD; k < 4 * CONTRACT_LANES; k += CONTRACT_THREADS) {
        const int a = k / CONTRACT_LANES, l = k % CONTRACT_LANES, m = l + q * CONTRACT_LANES;
        if (m < M) {
          real sum = R(0.0);
          for (int g = 0; g < CONTRACT_GROUPS; g++) sum += sums[a][g * CONTRACT_LANES + l];
          sum *= SCALE;
          for (int e = t0; e <= t; e++) {
            const int empty = SEL[e] - slots[(int64)BLOCK * NTYPES + e];
            sum += R(empty) * pad[((center_type * NTYPES + e) * 4 + a) * M + m];
          }
          x[((int64)BLOCK * 4 + a) * (TYPE_BLOCKS * M) + t0 * M + m] = sum;
        }
      }
    }
  }
}
