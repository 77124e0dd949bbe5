/* force.h: from dE/dx of a centre to the forces on its neighbours, its own, and the virial.
 *
 * FORCE_LANES threads share a neighbour: each takes some columns of the table. Then one thread
 * for each neighbour applies the chain rule,
 *   dr = (p0 s'/r + (p . x) a'/r) x + a p,  p = denv / std:   f_j -= dr, f_i += dr,
 *   virial[a][b] -= dr_a x_b, and the same per atom, on the neighbour j
 */
#define FORCE_SUMS 5 /* of a neighbour: dE/denv, and dE/ds through the table */

KERNEL(force, FORCE_THREADS)
(GLOBAL const double *restrict coord, GLOBAL const int *restrict centers, int first,
 int center_type, GLOBAL const int *restrict rows, GLOBAL const int *restrict slots,
 GLOBAL const real *restrict shift, GLOBAL const real *restrict inverse_std,
 GLOBAL const real *restrict table, GLOBAL const real *restrict dx, GLOBAL int64 *restrict force,
 GLOBAL double *restrict virial, GLOBAL int64 *restrict atom_virial,
 GLOBAL int64 *restrict counters) {
  SHARED real slope[4][M];
  SHARED real env[FORCE_ROWS][4];
#if NET
  SHARED real value[NET_SUM * FORCE_ROWS], rate[NET_SUM * FORCE_ROWS];
  SHARED real adjoint[2 * NET_WIDEST * FORCE_ROWS];
#else
  SHARED real into[FORCE_ROWS];
  SHARED int piece[FORCE_ROWS];
#endif
  SHARED real parts[FORCE_ROWS][FORCE_LANES * FORCE_SUMS + 1]; /* + 1: another bank each */
  SHARED int64 own_force[3][FORCE_ROWS];
  SHARED double own_virial[9][FORCE_ROWS];
  const int i = centers[first + BLOCK];
  const int lane = THREAD % FORCE_LANES, group = THREAD / FORCE_LANES;
  GLOBAL const real *own_inverse = inverse_std + 4 * center_type;
  int64 f[3] = {0, 0, 0};
  double v[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0};

  for (int t = 0; t < NTYPES; t++) {
    const int n = USE[center_type][t] == USED ? slots[(int64)BLOCK * NTYPES + t] : 0;
    GLOBAL const real *net = table + (int64)WHICH_NET(center_type, t) * NET_SIZE;
    if (SPLIT || t == 0) {
      for (int k = THREAD; k < 4 * M; k += FORCE_THREADS)
        slope[k / M][k % M] =
            SCALE *
            dx[((int64)BLOCK * 4 + k / M) * (TYPE_BLOCKS * M) + (SPLIT ? t * M : 0) + k % M];
    }
    for (int base = 0; base < n; base += FORCE_ROWS) {
      const int left = n - base, count = left < FORCE_ROWS ? left : FORCE_ROWS;
      environment_row r;
      int j = 0;
      if (THREAD < count) {
        j = rows[(int64)BLOCK * NNEI + FIRST[t] + base + THREAD];
        r = environment(coord, i, j, shift + 4 * center_type, own_inverse);
#if NET
        value[THREAD] = r.env0;
#else
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
      net_forward(net, value, rate, count, FORCE_ROWS, FORCE_THREADS);
      for (int e = THREAD; e < M * count; e += FORCE_THREADS) { /* dE/dG */
        const int k = e % count, m = e / count;
        adjoint[m * FORCE_ROWS + k] = env[k][0] * slope[0][m] + env[k][1] * slope[1][m] +
                                      env[k][2] * slope[2][m] + env[k][3] * slope[3][m];
      }
      for (int e = THREAD; e < 4 * count; e += FORCE_THREADS) {
        const int k = e % count, a = e / count;
        real sum = R(0.0);
        for (int m = 0; m < M; m++) sum += slope[a][m] * value[(NET_LAST + m) * FORCE_ROWS + k];
        parts[k][a] = sum;
      }
      BARRIER();
      {
        LOCAL const real *ds = net_backward(net, rate, adjoint, count, FORCE_ROWS, FORCE_THREADS);
        if (THREAD < count) parts[THREAD][4] = ds[THREAD];
      }
#else
      for (int k = group; k < count; k += FORCE_THREADS / FORCE_LANES) {
        const real u = into[k], e0 = env[k][0], e1 = env[k][1], e2 = env[k][2], e3 = env[k][3];
        real p0 = R(0.0), p1 = R(0.0), p2 = R(0.0), p3 = R(0.0), ds = R(0.0);
        for (int m = lane; m < M; m += FORCE_LANES) {
          GLOBAL const real *c = net + (int64)piece[k] * (6 * M) + m;
          const real c5 = c[5 * M], c4 = c[4 * M], c3 = c[3 * M], c2 = c[2 * M], c1 = c[M];
          const real g = ((((c5 * u + c4) * u + c3) * u + c2) * u + c1) * u + c[0];
          const real dg =
              (((R(5.0) * c5 * u + R(4.0) * c4) * u + R(3.0) * c3) * u + R(2.0) * c2) * u + c1;
          const real s0 = slope[0][m], s1 = slope[1][m], s2 = slope[2][m], s3 = slope[3][m];
          ds += (e0 * s0 + e1 * s1 + e2 * s2 + e3 * s3) * dg;
          p0 += s0 * g;
          p1 += s1 * g;
          p2 += s2 * g;
          p3 += s3 * g;
        }
        LOCAL real *to = &parts[k][lane * FORCE_SUMS];
        to[0] = p0;
        to[1] = p1;
        to[2] = p2;
        to[3] = p3;
        to[4] = ds;
      }
#endif
      BARRIER();
      if (THREAD < count) {
        real p[FORCE_SUMS];
        UNROLL
        for (int a = 0; a < FORCE_SUMS; a++) {
          p[a] = R(0.0);
          for (int l = 0; l < FORCE_LANES; l++) p[a] += parts[THREAD][l * FORCE_SUMS + a];
        }
        add_force(r, p[0] + p[4], p[1], p[2], p[3], own_inverse, j, f, v, force, atom_virial,
                  counters);
      }
    }
  }
  if (THREAD < FORCE_ROWS) {
    for (int a = 0; a < 3; a++) own_force[a][THREAD] = f[a];
    for (int a = 0; a < 9; a++) own_virial[a][THREAD] = v[a];
  }
  BARRIER();
  if (THREAD < 3) {
    int64 sum = 0;
    for (int k = 0; k < FORCE_ROWS; k++) sum += own_force[THREAD][k];
    ADD_LONG(force + 3 * (int64)i + THREAD, sum);
  } else if (THREAD < 12) {
    double sum = 0;
    for (int k = 0; k < FORCE_ROWS; k++) sum += own_virial[THREAD - 3][k];
    virial[9 * (int64)BLOCK + THREAD - 3] = sum;
  }
}
