/* The neighbours that libdpc finds against every pair tried, in every kind of box. */
#include "system.h"

static const double RCUT = 4.0;

static void compare(const char *path, int32_t n, const double *cell, const double region[9],
                    int layers, double away) {
  dpc_model *model = open_model(path, 1, 0);
  dpc_session *session = new_session(model);
  double *coord = malloc(3 * (size_t)n * sizeof(double));
  int32_t *type = malloc((size_t)n * sizeof(int32_t));
  scatter(coord, type, n, region);
  explicit_system all = make_explicit(coord, type, n, cell, layers, RCUT);
  const dpc_neighbors list = lammps_list(&all);
  const dpc_input given = explicit_input(&all, &list);
  results expected = new_results(n, all.nall), found = new_results(n, n);
  evaluate(session, &given, &expected);
  fold(&all, &expected);
  /* atoms that left the cell are wrapped: moving them by whole vectors changes nothing */
  for (int32_t i = 0; cell != NULL && i < n; i++) {
    const double shift[3] = {floor(away * (uniform() - 0.5)), floor(away * (uniform() - 0.5)),
                             floor(away * (uniform() - 0.5))};
    for (int k = 0; k < 9; k++) coord[3 * i + k % 3] += shift[k / 3] * cell[k];
  }
  const dpc_input input = {
      .size = sizeof input, .nloc = n, .nall = n, .coord = coord, .type = type, .cell = cell};
  evaluate(session, &input, &found);
  check_same(&expected, &found, n, 1e-11 * (1 + away));
  free_results(&expected);
  free_results(&found);
  free_explicit(&all);
  free(coord);
  free(type);
  dpc_session_free(session);
  dpc_close(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: %s PACKAGE", argv[0]);
  const char *path = argv[1];
  const double large[9] = {9, 0, 0, 0, 10, 0, 0, 0, 13};
  const double exact[9] = {8, 0, 0, 0, 12, 0, 0, 0, 16}; /* whole numbers of bins */
  const double triclinic[9] = {9, 0, 0, 4, 8, 0, -3, 5, 9};
  const double turned[9] = {6, 5, -1, -4, 7, 2, 1, -3, 8};
  const double left[9] = {0, 8, 0, 7, 0, 0, 1, 1, 9};       /* left-handed */
  const double skewed[9] = {5, 0, 0, 14, 5, 0, -12, 13, 5}; /* heights 0.5, 1.8 and 5 */
  const double small[9] = {5, 0, 0, 0, 6, 0, 0, 0, 7};
  const double tiny[9] = {2.5, 0, 0, 0.4, 3, 0, 0, -0.5, 2.8};
  const double thin[9] = {30, 0, 0, 0, 2.2, 0, 0, 0, 30};
  const double sparse[9] = {300, 0, 0, 0, 250, 0, 0, 0, 400};
  const double line[9] = {1000, 0, 0, 0, 0.1, 0, 0, 0, 0.1};
  for (int round = 0; round < 3; round++) {
    compare(path, 60, large, large, 1, 6);
    compare(path, 60, exact, exact, 1, 6);
    compare(path, 50, triclinic, triclinic, 2, 6);
    compare(path, 50, turned, turned, 2, 6);
    compare(path, 50, left, left, 2, 6);
    compare(path, 10, skewed, skewed, 10, 6);
    compare(path, 20, small, small, 1, 6);
    compare(path, 5, tiny, tiny, 3, 6);
    compare(path, 1, tiny, tiny, 3, 6);
    compare(path, 20, thin, thin, 2, 6);
    compare(path, 40, sparse, sparse, 1, 6);
    compare(path, 20, sparse, small, 1, 6);
    compare(path, 30, large, large, 1, 1e4);
    compare(path, 60, NULL, large, 0, 0);
    compare(path, 60, NULL, triclinic, 0, 0);
    compare(path, 30, NULL, tiny, 0, 0);
    compare(path, 100, NULL, line, 0, 0);
    compare(path, 1, NULL, large, 0, 0);
    compare(path, 2, NULL, sparse, 0, 0);
  }
  return 0;
}
