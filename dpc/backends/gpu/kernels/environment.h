/* environment.h: one row of the environment matrix and its chain rule.
 *
 *   s(r) = w(r) / r,  w = 1 below rcut_smth, u^3 (-6 u^2 + 15 u - 10) + 1 above,
 *   u = (r - rcut_smth) / (rcut - rcut_smth)
 *   env = ((s, s x/r, s y/r, s z/r) - mean) / std
 */
typedef struct {
  real x, y, z; /* r_j - r_i, angstrom */
  real env0, env1, env2, env3;
  real slope_s, a, slope_a; /* s'(r) / r; a = s/r, a'(r) / r */
} environment_row;

/* Differences of positions are double, all that follows is `real`. shift is mean / std and
 * inverse_std 1 / std of the type of the centre: a division costs as much as all the rest. */
DEVICE environment_row environment(GLOBAL const double *coord, int i, int j,
                                   GLOBAL const real *shift, GLOBAL const real *inverse_std) {
  environment_row r;
  r.x = (real)(coord[3 * (int64)j] - coord[3 * (int64)i]);
  r.y = (real)(coord[3 * (int64)j + 1] - coord[3 * (int64)i + 1]);
  r.z = (real)(coord[3 * (int64)j + 2] - coord[3 * (int64)i + 2]);
  const real width = R(1.0) / (RCUT - RCUT_SMTH);
  const real r2 = r.x * r.x + r.y * r.y + r.z * r.z, inverse = rsqrt(r2), d = r2 * inverse;
  real u = (d - RCUT_SMTH) * width;
  u = u < R(0.0) ? R(0.0) : u;
  const real w = u * u * u * ((R(-6.0) * u + R(15.0)) * u - R(10.0)) + R(1.0);
  const real slope_w = u * u * ((R(-30.0) * u + R(60.0)) * u - R(30.0)) * width;
  const real s = w * inverse;
  r.a = s * inverse;
  r.env0 = s * inverse_std[0] - shift[0];
  r.env1 = r.a * r.x * inverse_std[1] - shift[1];
  r.env2 = r.a * r.y * inverse_std[2] - shift[2];
  r.env3 = r.a * r.z * inverse_std[3] - shift[3];
  r.slope_s = (slope_w - s) * inverse * inverse;
  r.slope_a = (slope_w - R(2.0) * s) * inverse * inverse * inverse;
  return r;
}

/* Two atoms nearer than 1e-8 angstrom are at one place; libdpc says so. */
DEVICE void check_distance(environment_row r, int i, int j, GLOBAL int64 *counters) {
  if (r.x * r.x + r.y * r.y + r.z * r.z < R(1e-16))
    counters[COUNT_COINCIDENT] = 1 + ((int64)i << 31) + j;
}

#if !NET
/* The piece of the table that holds s. */
DEVICE int piece_of(real s) {
  real u = (s - TABLE_LOWER) * TABLE_PER_STRIDE;
  u = u > R(0.0) ? u : R(0.0); /* not a number: 0 */
  u = u < R(TABLE_PIECES - 1) ? u : R(TABLE_PIECES - 1);
  return (int)u;
}
#endif
