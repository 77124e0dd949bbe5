/* Evaluates the system of a file with a package, some steps of it, and prints all results.
 *
 * The file: nloc, then the cell's 9 numbers, then type x y z of each atom. Frame and atomic
 * parameters, where the model has them, are some numbers. */
#include "system.h"

static const double SKIN = 1.0;

static void print(const results *r) {
  printf("%.17g\n", r->energy);
  for (int k = 0; k < 9; k++) printf("%.17g\n", r->virial[k]);
  for (int i = 0; i < 3 * r->nall; i++) printf("%.17g\n", r->force[i]);
  for (int i = 0; i < r->nloc; i++) printf("%.17g\n", r->atom_energy[i]);
  for (int i = 0; i < 9 * r->nall; i++) printf("%.17g\n", r->atom_virial[i]);
}

int main(int argc, char **argv) {
  CHECK(argc >= 3, "usage: %s PACKAGE SYSTEM [BYTES [STEPS]]", argv[0]);
  const dpc_options options = {.size = sizeof options,
                               .device = -1,
                               .device_bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 0};
  const int steps = argc > 4 ? atoi(argv[4]) : 1;
  FILE *file = fopen(argv[2], "r");
  int n = 0, good;
  double cell[9];
  CHECK(file != NULL && fscanf(file, "%d", &n) == 1 && n > 0, "%s", argv[2]);
  for (int k = 0; k < 9; k++) {
    good = fscanf(file, "%lf", &cell[k]);
    CHECK(good == 1, "the cell");
  }
  double *coord = calloc(3 * (size_t)n, sizeof *coord);
  int32_t *type = calloc((size_t)n, sizeof *type);
  for (int i = 0; i < n; i++) {
    good = fscanf(file, "%d %lf %lf %lf", &type[i], &coord[3 * i], &coord[3 * i + 1],
                  &coord[3 * i + 2]);
    CHECK(good == 4, "atom %d", i);
  }
  fclose(file);
  dpc_model *model;
  dpc_error error;
  CHECK(dpc_open(argv[1], &options, &model, &error) == DPC_OK, "%s", error.message);
  dpc_session *session = new_session(model);
  /* ghosts and a list that reaches farther than the model sees, as an engine has them */
  explicit_system all = make_explicit(coord, type, n, cell, 1, dpc_get_facts(model)->rcut + SKIN);
  dpc_neighbors list = lammps_list(&all);
  list.age = 1;
  results r = new_results(n, all.nall);
  const dpc_facts *facts = dpc_get_facts(model);
  const int per_atom = facts->aparam;
  double *fparam = calloc((size_t)facts->fparam + 1, sizeof *fparam);
  double *aparam = calloc((size_t)(n * per_atom) + 1, sizeof *aparam);
  for (int k = 0; k < facts->fparam; k++) fparam[k] = 0.1 * (k + 1);
  for (int k = 0; k < n * per_atom; k++) aparam[k] = 0.05 * (k % 7);
  const dpc_input input = {.size = sizeof input,
                           .nloc = n,
                           .nall = all.nall,
                           .coord = all.coord,
                           .type = all.type,
                           .neighbors = &list,
                           .fparam = facts->fparam > 0 ? fparam : NULL,
                           .aparam = per_atom > 0 ? aparam : NULL};
  dpc_output output = all_of(&r);
  for (int step = 0; step < steps; step++)
    CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_OK, "%s", error.message);
  print(&r);
  printf("%lld beyond sel, %lld beyond the tables\n", (long long)output.sel_overflow,
         (long long)output.extrapolated);
  free_results(&r);
  free_explicit(&all);
  dpc_session_free(session);
  dpc_close(model);
  free(coord);
  free(fparam);
  free(aparam);
  free(type);
  return 0;
}
