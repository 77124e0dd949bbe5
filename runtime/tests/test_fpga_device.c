/* A card behind dpc_open, and the circuit's C model: the same bits.
 *
 * test_fpga_device PACKAGE DEVICE [ATOMS]: a package with two types and a cutoff of 4 Å.
 */
#include "system.h"

enum { SMALL = 24 };
static const double SKIN = 1.0;

typedef struct side {
  dpc_model *model;
  dpc_session *session;
} side;

static side open_side(const char *package, const char *device) {
  const dpc_options options = {.size = sizeof options, .device = -1, .device_name = device};
  side s;
  dpc_error error;
  CHECK(dpc_open(package, &options, &s.model, &error) == DPC_OK, "%s", error.message);
  s.session = new_session(s.model);
  return s;
}

static void close_side(side *s) {
  dpc_session_free(s->session);
  dpc_close(s->model);
}

/* Results on the host and on the card; atom_virial is not wanted. */
static void compare(dpc_session *host, dpc_session *card, const dpc_input *input,
                    const char *what) {
  results a = new_results(input->nloc, input->nall), b = new_results(input->nloc, input->nall);
  dpc_output to_a = all_of(&a), to_b = all_of(&b);
  dpc_error error;
  to_a.atom_virial = to_b.atom_virial = NULL;
  CHECK(dpc_evaluate(host, input, &to_a, &error) == DPC_OK, "%s: %s", what, error.message);
  CHECK(dpc_evaluate(card, input, &to_b, &error) == DPC_OK, "%s: %s", what, error.message);
  CHECK(a.energy == b.energy, "%s: energies %.17g and %.17g", what, a.energy, b.energy);
  double largest = 0;
  for (int k = 0; k < 9; k++)
    CHECK(a.virial[k] == b.virial[k], "%s: virial %d: %.17g and %.17g", what, k, a.virial[k],
          b.virial[k]);
  for (int i = 0; i < 3 * input->nall; i++) {
    CHECK(a.force[i] == b.force[i], "%s: force %d: %.17g and %.17g", what, i, a.force[i],
          b.force[i]);
    largest = fmax(largest, fabs(a.force[i]));
  }
  for (int i = 0; i < input->nloc; i++)
    CHECK(a.atom_energy[i] == b.atom_energy[i], "%s: energy of atom %d", what, i);
  CHECK(input->nloc < 2 || largest > 1e-3, "%s: no forces", what);
  CHECK(to_a.warnings == to_b.warnings && to_a.sel_overflow == to_b.sel_overflow &&
            to_a.extrapolated == to_b.extrapolated,
        "%s: counts %lld %lld, %lld %lld", what, (long long)to_a.sel_overflow,
        (long long)to_b.sel_overflow, (long long)to_a.extrapolated, (long long)to_b.extrapolated);
  free_results(&a);
  free_results(&b);
}

static void move_atoms(explicit_system *all, int32_t n) {
  for (int32_t i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) {
      const double shift = 0.1 * (uniform() - 0.5);
      for (int32_t j = 0; j < all->nall; j++)
        if (all->owner[j] == i) all->coord[3 * j + k] += shift;
    }
}

/* Ghosts and LAMMPS's lists: a list that stays, that is rebuilt, types that are not known. */
static void test_steps(side *host, side *card, int32_t n, const double *cell, const char *what) {
  double *coord = calloc(3 * (size_t)n, sizeof *coord);
  int32_t *type = calloc((size_t)n, sizeof *type);
  for (int32_t i = 0, side_length = (int32_t)ceil(cbrt(n)); i < n; i++) {
    const int32_t at[3] = {i % side_length, i / side_length % side_length,
                           i / side_length / side_length};
    for (int k = 0; k < 3; k++)
      coord[3 * i + k] = 2.2 * at[k] + 0.6 * (uniform() - 0.5) - 3.0 * (cell == NULL);
    type[i] = i % 11 == 10 ? -1 : i % 2;
  }
  explicit_system all =
      make_explicit(coord, type, n, cell, 1, dpc_get_facts(host->model)->rcut + SKIN);
  for (int32_t i = 0; i < n; i++) /* LAMMPS keeps other things in the upper bits */
    for (int32_t k = 0; k < all.numneigh[i]; k++) all.firstneigh[i][k] |= 1 << 30;
  dpc_neighbors list = lammps_list(&all);
  list.mask = 0x1fffffff;
  dpc_input input = explicit_input(&all, &list);
  dpc_session *other = new_session(card->model);
  for (int step = 0; step < 4; step++) {
    list.age = 1 + step / 2;
    compare(host->session, card->session, &input, what);
    if (step % 2) compare(host->session, other, &input, "a second session of the card");
    move_atoms(&all, n);
  }
  dpc_session_free(other);
  compare(host->session, card->session, &input, what);
  free_explicit(&all);
  free(coord);
  free(type);
}

/* Images and lists that are made here. */
static void test_cell(side *host, side *card) {
  static const double cell[9] = {9, 0, 0, 2, 8, 0, 1, -1, 10};
  double coord[3 * SMALL];
  int32_t type[SMALL];
  scatter(coord, type, SMALL, cell);
  dpc_input input = {.size = sizeof input, .nloc = SMALL, .nall = SMALL, .coord = coord};
  input.type = type;
  compare(host->session, card->session, &input, "an open system");
  input.cell = cell;
  compare(host->session, card->session, &input, "a cell");
  input.nloc = input.nall = 0;
  compare(host->session, card->session, &input, "nothing");
  input.nloc = input.nall = 1;
  input.cell = NULL;
  compare(host->session, card->session, &input, "one atom");
}

static void expect(side *s, const dpc_input *input, dpc_output *output, dpc_status status,
                   const char *text) {
  dpc_error error = {.status = DPC_OK};
  CHECK(dpc_evaluate(s->session, input, output, &error) == status, "%d: %s", (int)error.status,
        error.message);
  CHECK(strstr(error.message, text) != NULL, "'%s' is not in: %s", text, error.message);
}

static void test_errors(side *host, side *card) {
  double coord[9] = {0, 0, 0, 1.5, 0, 0, 1.5, 0, 0}, energy = 1, virial[27];
  const int32_t type[3] = {0, 1, 1};
  dpc_input input = {.size = sizeof input, .nloc = 3, .nall = 3, .coord = coord, .type = type};
  dpc_output output = {.size = sizeof output, .energy = &energy};
  expect(host, &input, &output, DPC_ERROR_NUMERIC, "atoms 1 and 2");
  expect(card, &input, &output, DPC_ERROR_NUMERIC, "atoms 1 and 2");
  CHECK(energy == 0, "half a result: %g", energy);
  coord[6] = 1.8; /* too near, and no error */
  expect(card, &input, &output, DPC_OK, "");
  CHECK(output.extrapolated == 2 && output.warnings & DPC_WARN_EXTRAPOLATED, "%lld",
        (long long)output.extrapolated);
  coord[6] = 3.5;
  output.atom_virial = virial;
  expect(card, &input, &output, DPC_ERROR_ARGUMENT, "device 'host'");
  output.atom_virial = NULL;
  coord[6] = 1700; /* far apart, in no list together */
  compare(host->session, card->session, &input, "far apart");
  static const int32_t near[2] = {2, 1}, offsets[4] = {0, 1, 2, 2};
  const dpc_neighbors list = {.count = 3, .offsets = offsets, .indices = near};
  input.neighbors = &list; /* of other positions */
  expect(card, &input, &output, DPC_ERROR_LIMIT, "more than the circuit's 512");
}

int main(int argc, char **argv) {
  CHECK(argc == 3 || argc == 4, "test_fpga_device PACKAGE DEVICE [ATOMS]");
  const int32_t n = argc == 4 ? atoi(argv[3]) : 192;
  const double edge = 2.2 * ceil(cbrt(n)), cell[9] = {edge, 0, 0, 0, edge, 0, 0, 0, edge};
  side host = open_side(argv[1], "host"), card = open_side(argv[1], argv[2]);
  CHECK(strstr(dpc_get_facts(card.model)->target, argv[2]) != NULL || strchr(argv[2], ':') != NULL,
        "%s", dpc_get_facts(card.model)->target);
  CHECK(!(dpc_get_facts(card.model)->outputs & DPC_ATOM_VIRIAL), "outputs");
  test_steps(&host, &card, SMALL, NULL, "one block");
  test_steps(&host, &card, n, cell, "several blocks");
  test_cell(&host, &card);
  test_errors(&host, &card);
  close_side(&host);
  close_side(&card);
  return 0;
}
