/* fixed.h: forces are summed as whole numbers of 2^-40 eV/angstrom: any order of the threads
 * gives the same bits, and the forces of a closed system add up to nothing at all. */
#define FIXED_UNIT 1099511627776.0 /* 2^40 */
#define FIXED_LIMIT 4194304.0      /* 2^22: beyond it, or not a number, no force is valid */

DEVICE int64 fixed(real x, GLOBAL int64 *counters) {
  if (!(fabs(x) < R(FIXED_LIMIT))) {
    counters[COUNT_INVALID] = 1;
    return 0;
  }
  return ROUND((double)x * FIXED_UNIT);
}

/* The force on neighbour j, and what it adds to the centre's force f and virial v.
 * p0 to p3: dE/denv of its row. */
DEVICE void add_force(environment_row r, real p0, real p1, real p2, real p3,
                      GLOBAL const real *inverse_std, int j, int64 *f, double *v,
                      GLOBAL int64 *force, GLOBAL int64 *atom_virial, GLOBAL int64 *counters) {
  p0 *= inverse_std[0];
  p1 *= inverse_std[1];
  p2 *= inverse_std[2];
  p3 *= inverse_std[3];
  const real along = p0 * r.slope_s + (p1 * r.x + p2 * r.y + p3 * r.z) * r.slope_a;
  const real dr[3] = {along * r.x + r.a * p1, along * r.y + r.a * p2, along * r.z + r.a * p3};
  const real x[3] = {r.x, r.y, r.z};
  UNROLL
  for (int a = 0; a < 3; a++) {
    const int64 part = fixed(dr[a], counters);
    ADD_LONG(force + 3 * (int64)j + a, -part);
    f[a] += part;
    UNROLL
    for (int b = 0; b < 3; b++) {
      v[3 * a + b] -= (double)dr[a] * x[b];
      if (atom_virial)
        ADD_LONG(atom_virial + 9 * (int64)j + 3 * a + b, -fixed(dr[a] * x[b], counters));
    }
  }
}

/* Whole numbers to eV/angstrom. */
KERNEL(unfix, SUM_THREADS)
(GLOBAL const int64 *restrict from, int64 n, GLOBAL double *restrict to,
 GLOBAL const int64 *restrict counters) {
  const double unit = counters[COUNT_INVALID] ? sqrt(-1.0) : 1.0 / FIXED_UNIT; /* no number */
  for (int64 k = (int64)BLOCK * SUM_THREADS + THREAD; k < n; k += (int64)BLOCKS * SUM_THREADS)
    to[k] = (double)from[k] * unit;
}
