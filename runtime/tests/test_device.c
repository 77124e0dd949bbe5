/* A package for a GPU against the same potential on the CPU: lists, ages, chunks, wanted outputs.
 */
#include "system.h"

enum { N = 60, STEPS = 6 };
static const double CELL[9] = {9, 0, 0, 1, 8, 0, -1, 1, 10};
static const double SCALE = 1e-10; /* the GPU sums forces as integers */

typedef struct pair {
  dpc_session *gpu, *cpu;
} pair;

static dpc_model *open_limited(const char *path, uint64_t bytes) {
  const dpc_options options = {.size = sizeof options, .device = -1, .device_bytes = bytes};
  dpc_model *model;
  dpc_error error;
  CHECK(dpc_open(path, &options, &model, &error) == DPC_OK, "%s", error.message);
  return model;
}

static pair start(const char *gpu, const char *cpu, uint64_t bytes) {
  dpc_model *models[2] = {open_limited(gpu, bytes), open_model(cpu, 1, 0)};
  const pair p = {new_session(models[0]), new_session(models[1])};
  dpc_close(models[0]);
  dpc_close(models[1]);
  return p;
}

static void stop(pair p) {
  dpc_session_free(p.gpu);
  dpc_session_free(p.cpu);
}

/* Both evaluate; what they give must agree. */
static void compare(pair p, const dpc_input *input) {
  results a = new_results(input->nloc, input->nall), b = new_results(input->nloc, input->nall);
  evaluate(p.gpu, input, &a);
  evaluate(p.cpu, input, &b);
  CHECK_CLOSE(a.energy, b.energy, SCALE);
  for (int i = 0; i < 9; i++) CHECK_CLOSE(a.virial[i], b.virial[i], SCALE);
  for (int i = 0; i < 3 * input->nall; i++) CHECK_CLOSE(a.force[i], b.force[i], SCALE);
  for (int i = 0; i < input->nloc; i++) CHECK_CLOSE(a.atom_energy[i], b.atom_energy[i], SCALE);
  for (int i = 0; i < 9 * input->nall; i++) CHECK_CLOSE(a.atom_virial[i], b.atom_virial[i], SCALE);
  free_results(&a);
  free_results(&b);
}

static void move(double *coord, int n) {
  for (int i = 0; i < 3 * n; i++) coord[i] += 0.02 * (uniform() - 0.5);
}

/* One list for several steps: what is new, kept and recorded must not be mixed up. */
static void test_steps(pair p) {
  double coord[3 * N];
  int32_t type[N];
  scatter(coord, type, N, CELL);
  explicit_system all = make_explicit(coord, type, N, CELL, 1, 4.5);
  dpc_neighbors list = csr_list(&all);
  dpc_input input = {.size = sizeof input,
                     .nloc = N,
                     .nall = all.nall,
                     .coord = all.coord,
                     .type = all.type,
                     .neighbors = &list};
  for (int step = 0; step < STEPS; step++) {
    list.age = 1 + step / 4;
    compare(p, &input);
    move(all.coord, all.nall);
    /* an engine that swaps types may keep its list */
    if (step == 2) all.type[N] = 1 - all.type[N];
  }
  double energy;
  dpc_error error;
  dpc_output only = {.size = sizeof only, .energy = &energy};
  for (int k = 0; k < 3; k++) {
    CHECK(dpc_evaluate(p.gpu, &input, &only, &error) == DPC_OK, "%s", error.message);
    move(all.coord, all.nall);
    compare(p, &input);
  }
  free_explicit(&all);
}

static void test_periodic(pair p) {
  double coord[3 * N];
  int32_t type[N];
  for (int n = N; n >= 0; n -= 20) { /* also no atom at all */
    scatter(coord, type, n, CELL);
    const dpc_input input = {
        .size = sizeof input, .nloc = n, .nall = n, .coord = coord, .type = type, .cell = CELL};
    compare(p, &input);
  }
}

static void test_coincident(pair p) {
  const double coord[9] = {0, 0, 0, 3, 0, 0, 3, 0, 0};
  const int32_t type[3] = {0, 1, 1};
  double energy = 1, force[9];
  const dpc_input input = {
      .size = sizeof input, .nloc = 3, .nall = 3, .coord = coord, .type = type};
  dpc_output output = {.size = sizeof output, .energy = &energy, .force = force};
  dpc_error error;
  CHECK(dpc_evaluate(p.gpu, &input, &output, &error) == DPC_ERROR_NUMERIC, "%s", error.message);
  CHECK(strstr(error.message, "atoms 1 and 2 (counted from 0) are at one place") != NULL, "%s",
        error.message);
  CHECK(energy == 0, "half a result");
}

/* usage: GPU-PACKAGE CPU-PACKAGE [BYTES]: BYTES limit the memory of the device */
int main(int argc, char **argv) {
  CHECK(argc == 3 || argc == 4, "usage: %s GPU CPU [BYTES]", argv[0]);
  const pair p = start(argv[1], argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
  test_periodic(p);
  test_steps(p);
  test_coincident(p);
  test_steps(p); /* after a failure */
  stop(p);
  return 0;
}
