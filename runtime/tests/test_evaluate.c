/* What dpc_evaluate computes: derivatives, list forms, threads, atoms outside the model. */
#include "system.h"

enum { N = 24 };
static const double CELL[9] = {7, 0, 0, 1.5, 6, 0, -1, 2, 8};
static const double RCUT = 4.0;

typedef struct fixture {
  dpc_model *model;
  dpc_session *session;
  double coord[3 * N], fparam[1], aparam[N];
  int32_t type[N];
} fixture;

static fixture start(const char *path, int32_t threads) {
  fixture f = {.model = open_model(path, threads, 0)};
  f.session = new_session(f.model);
  scatter(f.coord, f.type, N, CELL);
  f.fparam[0] = 0.3;
  for (int i = 0; i < N; i++) f.aparam[i] = uniform() - 0.5;
  return f;
}

static void stop(fixture *f) {
  dpc_close(f->model); /* first: the session keeps the model alive */
  dpc_session_free(f->session);
}

static dpc_input input_of(const fixture *f, const double *cell) {
  const dpc_facts *facts = dpc_get_facts(f->model);
  return (dpc_input){.size = sizeof(dpc_input),
                     .nloc = N,
                     .nall = N,
                     .coord = f->coord,
                     .type = f->type,
                     .cell = cell,
                     .fparam = facts->fparam > 0 ? f->fparam : NULL,
                     .aparam = facts->aparam > 0 ? f->aparam : NULL};
}

static double energy_of(const fixture *f, const double *cell) {
  double energy;
  const dpc_input input = input_of(f, cell);
  dpc_output output = {.size = sizeof output, .energy = &energy};
  dpc_error error;
  CHECK(dpc_evaluate(f->session, &input, &output, &error) == DPC_OK, "%s", error.message);
  return energy;
}

static void test_derivatives(const char *path) {
  const double h = 1e-5;
  fixture f = start(path, 1);
  results r = new_results(N, N);
  const dpc_input input = input_of(&f, CELL);
  evaluate(f.session, &input, &r);
  double sum = 0, virial[9] = {0};
  for (int i = 0; i < N; i++) sum += r.atom_energy[i];
  CHECK_CLOSE(sum, r.energy, 1e-11);
  for (int i = 0; i < 9 * N; i++) virial[i % 9] += r.atom_virial[i];
  for (int k = 0; k < 9; k++) CHECK_CLOSE(virial[k], r.virial[k], 1e-11);
  for (int i = 0; i < 3 * N; i++) {
    const double x = f.coord[i];
    f.coord[i] = x + h;
    const double above = energy_of(&f, CELL);
    f.coord[i] = x - h;
    const double below = energy_of(&f, CELL);
    f.coord[i] = x;
    CHECK_CLOSE(r.force[i], (below - above) / (2 * h), 1e-7);
  }
  /* x -> x (1 + strain): dE/dstrain_ba = sum dE/dr_a r_b = -W_ab */
  for (int k = 0; k < 9; k++) {
    double energy[2], coord[3 * N];
    memcpy(coord, f.coord, sizeof coord);
    for (int side = 0; side < 2; side++) {
      double cell[9];
      const double strain = side == 0 ? h : -h;
      memcpy(cell, CELL, sizeof cell);
      for (int v = 0; v < 3; v++) cell[3 * v + k / 3] += strain * CELL[3 * v + k % 3];
      for (int i = 0; i < N; i++)
        f.coord[3 * i + k / 3] = coord[3 * i + k / 3] + strain * coord[3 * i + k % 3];
      energy[side] = energy_of(&f, cell);
      memcpy(f.coord, coord, sizeof coord);
    }
    CHECK_CLOSE(r.virial[k], (energy[1] - energy[0]) / (2 * h), 1e-6);
  }
  free_results(&r);
  stop(&f);
}

/* LAMMPS form with high bits, CSR in another order, and the list found here agree. */
static void test_forms(const char *path) {
  fixture f = start(path, 1);
  const dpc_input own = input_of(&f, CELL);
  results expected = new_results(N, N);
  evaluate(f.session, &own, &expected);

  explicit_system all = make_explicit(f.coord, f.type, N, CELL, 2, RCUT + 1);
  results r = new_results(N, all.nall);
  dpc_neighbors list = lammps_list(&all);
  dpc_input input = explicit_input(&all, &list);
  input.fparam = own.fparam;
  input.aparam = own.aparam;
  evaluate(f.session, &input, &r);
  fold(&all, &r);
  check_same(&expected, &r, N, 1e-11);

  int32_t backwards[N], offsets[N + 1] = {0};
  int32_t *indices = malloc((size_t)all.offsets[N] * sizeof *indices);
  for (int32_t i = 0; i < N; i++) {
    const int32_t atom = backwards[i] = N - 1 - i, count = all.numneigh[atom];
    memcpy(indices + offsets[i], all.firstneigh[atom], (size_t)count * sizeof *indices);
    offsets[i + 1] = offsets[i] + count;
  }
  list = (dpc_neighbors){.count = N, .atoms = backwards, .offsets = offsets, .indices = indices};
  evaluate(f.session, &input, &r);
  fold(&all, &r);
  check_same(&expected, &r, N, 1e-11);

  for (int32_t i = 0; i < all.offsets[N]; i++) all.indices[i] |= (i % 4) << 29;
  list = lammps_list(&all);
  list.mask = 0x1fffffff;
  evaluate(f.session, &input, &r);
  fold(&all, &r);
  check_same(&expected, &r, N, 1e-11);

  free(indices);
  free_results(&r);
  free_results(&expected);
  free_explicit(&all);
  stop(&f);
}

/* A list of the same age is not read again, but types that changed are seen. */
static void test_age(const char *path) {
  fixture f = start(path, 1);
  explicit_system all = make_explicit(f.coord, f.type, N, CELL, 2, RCUT + 1);
  results fresh = new_results(N, all.nall), kept = new_results(N, all.nall);
  dpc_neighbors list = lammps_list(&all);
  dpc_input input = explicit_input(&all, &list);
  const dpc_input own = input_of(&f, CELL);
  input.fparam = own.fparam;
  input.aparam = own.aparam;
  list.age = 1;
  evaluate(f.session, &input, &kept);
  for (int32_t i = 0; i < 3 * all.nall; i++) all.coord[i] += 0.01 * (i % 3);
  for (int32_t i = 0; i < all.nall; i++) all.type[i] = all.owner[i] % 2;
  evaluate(f.session, &input, &kept);
  list.age = 2;
  evaluate(f.session, &input, &fresh);
  check_same(&fresh, &kept, N, 0.0);
  for (int32_t i = 0; i < all.nall; i++) all.type[i] = all.owner[i] % 2 ? -1 : all.type[i];
  evaluate(f.session, &input, &kept); /* half of the centres leave the model */
  list.age = 3;
  evaluate(f.session, &input, &fresh);
  check_same(&fresh, &kept, N, 0.0);
  for (int32_t i = 0; i < all.nall; i++) all.type[i] = all.owner[i] % 2;
  evaluate(f.session, &input, &kept); /* and come back */
  list.age = 4;
  evaluate(f.session, &input, &fresh);
  check_same(&fresh, &kept, N, 0.0);
  CHECK(fresh.atom_energy[1] != 0, "atom 1 did not come back");
  free_results(&fresh);
  free_results(&kept);
  free_explicit(&all);
  stop(&f);
}

static void test_threads(const char *path) {
  fixture f = start(path, 1);
  const dpc_input input = input_of(&f, CELL);
  results expected = new_results(N, N), r = new_results(N, N), again = new_results(N, N);
  evaluate(f.session, &input, &expected);
  for (int32_t threads = 2; threads <= 32; threads *= 2) { /* 32: more than there are tiles */
    dpc_model *model = open_model(path, threads, 0);
    dpc_session *session = new_session(model);
    evaluate(session, &input, &r);
    check_same(&expected, &r, N, 1e-12);
    CHECK(r.energy == expected.energy, "the energy depends on the number of threads");
    CHECK(memcmp(r.virial, expected.virial, sizeof r.virial) == 0, "so does the virial");
    for (int round = 0; round < 20; round++) {
      evaluate(session, &input, &again);
      check_same(&r, &again, N, 0.0); /* the same bits every time */
    }
    dpc_session_free(session);
    dpc_close(model);
  }
  free_results(&expected);
  free_results(&r);
  free_results(&again);
  stop(&f);
}

/* Atoms of a negative type are not there, whether the list knows them or not. */
static void test_outside(const char *path) {
  fixture f = start(path, 1);
  const dpc_input own = input_of(&f, CELL);
  results with = new_results(N, N), without = new_results(N, N);
  for (int i = 2 * N / 3; i < N; i++) f.type[i] = -1;
  evaluate(f.session, &own, &with);
  dpc_input fewer = own;
  fewer.nloc = fewer.nall = 2 * N / 3;
  evaluate(f.session, &fewer, &without);
  check_same(&without, &with, 2 * N / 3, 1e-12);
  for (int i = 2 * N / 3; i < N; i++) {
    CHECK(with.atom_energy[i] == 0, "energy of atom %d", i);
    for (int k = 0; k < 3; k++) CHECK(with.force[3 * i + k] == 0, "force on atom %d", i);
  }
  explicit_system all = make_explicit(f.coord, f.type, N, CELL, 2, RCUT);
  results given = new_results(N, all.nall);
  const dpc_neighbors list = lammps_list(&all);
  dpc_input input = explicit_input(&all, &list);
  input.fparam = own.fparam;
  input.aparam = own.aparam;
  evaluate(f.session, &input, &given);
  fold(&all, &given);
  check_same(&with, &given, N, 1e-11);
  free_explicit(&all);
  free_results(&given);
  free_results(&with);
  free_results(&without);
  stop(&f);
}

static void test_few_atoms(const char *path) {
  fixture f = start(path, 2);
  dpc_input input = input_of(&f, CELL);
  results r = new_results(N, N);
  input.nloc = input.nall = 0;
  r.energy = 5;
  evaluate(f.session, &input, &r);
  CHECK(r.energy == 0, "energy of nothing is %g", r.energy);
  input.coord = NULL;
  input.type = NULL;
  input.aparam = NULL;
  input.cell = NULL;
  evaluate(f.session, &input, &r);
  CHECK(r.energy == 0 && r.virial[0] == 0, "energy of nothing is %g", r.energy);

  input = input_of(&f, NULL);
  input.nloc = input.nall = 1;
  evaluate(f.session, &input, &r);
  CHECK(r.energy == r.atom_energy[0] && r.energy != 0, "energy of an atom is %g", r.energy);
  CHECK(r.force[0] == 0 && r.virial[0] == 0, "an atom alone is pushed");

  /* a rank with ghosts only */
  const dpc_neighbors none = {.count = 0};
  input = input_of(&f, NULL);
  input.nloc = 0;
  input.aparam = NULL;
  input.neighbors = &none;
  for (int i = 0; i < 3 * N; i++) r.force[i] = 1;
  evaluate(f.session, &input, &r);
  CHECK(r.energy == 0, "energy of ghosts is %g", r.energy);
  for (int i = 0; i < 3 * N; i++) CHECK(r.force[i] == 0, "force %d on a ghost", i);
  free_results(&r);
  stop(&f);
}

/* Any subset of the outputs gives the same numbers. */
static void test_subsets(const char *path) {
  fixture f = start(path, 2);
  const dpc_input input = input_of(&f, CELL);
  results all = new_results(N, N), r = new_results(N, N);
  evaluate(f.session, &input, &all);
  for (unsigned bits = 0; bits < 32; bits++) {
    dpc_output output = all_of(&r);
    if (!(bits & DPC_ENERGY)) output.energy = NULL;
    if (!(bits & DPC_FORCE)) output.force = NULL;
    if (!(bits & DPC_VIRIAL)) output.virial = NULL;
    if (!(bits & DPC_ATOM_ENERGY)) output.atom_energy = NULL;
    if (!(bits & DPC_ATOM_VIRIAL)) output.atom_virial = NULL;
    CHECK(dpc_evaluate(f.session, &input, &output, NULL) == DPC_OK, "outputs %x", bits);
    if (bits & DPC_ENERGY) CHECK(r.energy == all.energy, "energy of %x", bits);
    for (int i = 0; i < 3 * N && bits & DPC_FORCE; i++)
      CHECK(r.force[i] == all.force[i], "force of %x", bits);
    for (int i = 0; i < 9 * N && bits & DPC_ATOM_VIRIAL; i++)
      CHECK(r.atom_virial[i] == all.atom_virial[i], "atom_virial of %x", bits);
    for (int i = 0; i < N && bits & DPC_ATOM_ENERGY; i++)
      CHECK(r.atom_energy[i] == all.atom_energy[i], "atom_energy of %x", bits);
  }
  free_results(&all);
  free_results(&r);
  stop(&f);
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: %s PACKAGE", argv[0]);
  test_derivatives(argv[1]);
  test_forms(argv[1]);
  test_age(argv[1]);
  test_threads(argv[1]);
  test_outside(argv[1]);
  test_few_atoms(argv[1]);
  test_subsets(argv[1]);
  return 0;
}
