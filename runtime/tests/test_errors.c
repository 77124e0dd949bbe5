/* Every wrong argument gets its own status and sentence, and leaves no half result. */
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

enum { N = 4 };

static double coord[3 * N];
static int32_t type[N];
static const double cell[9] = {20, 0, 0, 0, 20, 0, 0, 0, 20};
static dpc_session *session;
static dpc_input input;
static dpc_output output;
static results found;

static void reset(void) {
  for (int i = 0; i < 3 * N; i++) coord[i] = (i % 3 == 0) * (1.5 * (i / 3) + 0.25);
  for (int i = 0; i < N; i++) type[i] = i % 2;
  input = (dpc_input){
      .size = sizeof input, .nloc = N, .nall = N, .coord = coord, .type = type, .cell = cell};
  output = all_of(&found);
  for (int i = 0; i < 3 * N; i++) found.force[i] = 7;
  found.energy = 7;
}

/* The next evaluation fails like this; afterwards the outputs hold 7 (untouched) or 0. */
static void expect(dpc_status status, const char *words) {
  dpc_error error;
  CHECK(dpc_evaluate(session, &input, &output, &error) == status, "status %d instead of %d: %s",
        error.status, status, error.message);
  CHECK(error.status == status, "error.status is %d", error.status);
  CHECK(strstr(error.message, words) != NULL, "'%s' is not in '%s'", words, error.message);
  CHECK(dpc_evaluate(session, &input, &output, NULL) == status, "error may be NULL");
  const double first = found.energy;
  CHECK(first == 0 || first == 7, "energy is %g", first);
  for (int i = 0; i < 3 * N; i++) CHECK(found.force[i] == first, "force is %g", found.force[i]);
  reset();
  CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_OK, "not well again: %s",
        error.message);
  CHECK(found.energy != 0 && found.energy != 7 && error.message[0] == '\0', "%g", found.energy);
  reset();
}

static void test_structs(void) {
  input.size = 0;
  expect(DPC_ERROR_ARGUMENT, "dpc_input.size is 0");
  output.size = 8;
  expect(DPC_ERROR_ARGUMENT, "dpc_output.size is 8");
  input.coord = NULL;
  expect(DPC_ERROR_ARGUMENT, "coord is NULL");
  input.type = NULL;
  expect(DPC_ERROR_ARGUMENT, "type is NULL");
  input.nloc = -1;
  expect(DPC_ERROR_ARGUMENT, "nloc is -1");
  input.nall = N - 1;
  expect(DPC_ERROR_ARGUMENT, "nall is 3");
  input.nloc = N - 1;
  expect(DPC_ERROR_ARGUMENT, "neighbors is NULL");
  input.fparam = coord;
  expect(DPC_ERROR_ARGUMENT, "fparam is given");
  input.aparam = coord;
  expect(DPC_ERROR_ARGUMENT, "aparam is given");
  dpc_error error;
  CHECK(dpc_evaluate(NULL, &input, &output, &error) == DPC_ERROR_ARGUMENT, "session NULL");
  CHECK(dpc_evaluate(session, NULL, &output, &error) == DPC_ERROR_ARGUMENT, "input NULL");
  CHECK(dpc_evaluate(session, &input, NULL, &error) == DPC_ERROR_ARGUMENT, "output NULL");
}

static void test_numbers(void) {
  coord[7] = NAN;
  expect(DPC_ERROR_ARGUMENT, "atom 2 (counted from 0) is at (3.25, nan, 0), which is not finite");
  coord[0] = INFINITY;
  expect(DPC_ERROR_ARGUMENT, "atom 0");
  coord[11] = -1e9;
  expect(DPC_ERROR_ARGUMENT, "not within 1e8");
  type[3] = 2;
  expect(DPC_ERROR_ARGUMENT, "atom 3 (counted from 0) has type 2, but fake.dpc has types 0 to 1");
  double bad[9];
  memcpy(bad, cell, sizeof bad);
  bad[5] = NAN;
  input.cell = bad;
  expect(DPC_ERROR_ARGUMENT, "component 2 of vector 1 is nan");
  bad[5] = 0;
  bad[4] = 0;
  input.cell = bad;
  expect(DPC_ERROR_ARGUMENT, "enclose no volume");
  for (int k = 0; k < 9; k++) bad[k] = k + 1;
  input.cell = bad;
  expect(DPC_ERROR_ARGUMENT, "enclose no volume");
  for (int k = 0; k < 9; k++) bad[k] = k % 4 == 0 ? 1e-3 : 0;
  input.cell = bad;
  expect(DPC_ERROR_LIMIT, "images of 4 atoms");
  for (int k = 0; k < 9; k++) bad[k] = 0;
  input.cell = bad;
  expect(DPC_ERROR_ARGUMENT, "Open boundaries are asked for with no cell");
}

static void test_coincident(void) {
  memcpy(coord + 9, coord, 3 * sizeof *coord);
  expect(DPC_ERROR_NUMERIC, "atoms 0 and 3 (counted from 0) are at one place: (0.25, 0, 0)");
  memcpy(coord + 9, coord, 3 * sizeof *coord);
  coord[9] += 20; /* on an image of it */
  expect(DPC_ERROR_NUMERIC, "atoms 0 and 3 (counted from 0) are at one place");
}

static void test_lists(void) {
  static const int32_t row[] = {1, 2}, bad_row[] = {1, 9}, self[] = {0}, high[] = {1, 1 << 30};
  static const int32_t numneigh[N] = {2, 0, 0, 0}, negative[N] = {-1, 0, 0, 0};
  static const int32_t one[N] = {1, 0, 0, 0};
  static const int32_t offsets[N + 1] = {0, 2, 2, 2, 2}, falling[N + 1] = {2, 0, 0, 0, 0};
  static const int32_t outside[N] = {0, 1, 2, N}, twice[N] = {0, 1, 2, 2};
  const int32_t *rows[N] = {row}, *bad_rows[N] = {bad_row}, *selves[N] = {self}, *none[N] = {0};
  const int32_t *highs[N] = {high};
  const struct {
    dpc_neighbors list;
    const char *words;
  } wrong[] = {
      {{.count = N + 1, .numneigh = numneigh, .firstneigh = rows}, "count is 5"},
      {{.count = -1, .numneigh = numneigh, .firstneigh = rows}, "count is -1"},
      {{.count = N}, "not both or none"},
      {{.count = N, .numneigh = numneigh, .firstneigh = rows, .offsets = offsets, .indices = row},
       "not both or none"},
      {{.count = N, .numneigh = numneigh}, "firstneigh is NULL"},
      {{.count = N, .firstneigh = rows}, "numneigh is NULL"},
      {{.count = N, .indices = row}, "offsets is NULL"},
      {{.count = N, .offsets = offsets}, "atom 0 has 2 neighbours, but its list is NULL"},
      {{.count = N, .offsets = falling, .indices = row}, "offsets[1]"},
      {{.count = N, .numneigh = numneigh, .firstneigh = none}, "its list is NULL"},
      {{.count = N, .numneigh = negative, .firstneigh = rows}, "atom 0 has -1 neighbours"},
      {{.count = N, .numneigh = numneigh, .firstneigh = bad_rows}, "atom 0 has neighbour 9"},
      {{.count = N, .numneigh = numneigh, .firstneigh = highs}, "Then set mask"},
      {{.count = N, .numneigh = one, .firstneigh = selves}, "atom 0 is in its own list"},
      {{.count = N, .numneigh = numneigh, .firstneigh = rows, .atoms = outside}, "atoms[3] is 4"},
      {{.count = N, .numneigh = numneigh, .firstneigh = rows, .atoms = twice},
       "atom 2 owns two lists"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    input.cell = NULL;
    input.neighbors = &wrong[i].list;
    expect(DPC_ERROR_ARGUMENT, wrong[i].words);
  }
  const dpc_neighbors good = {.count = N, .offsets = offsets, .indices = row};
  input.neighbors = &good;
  expect(DPC_ERROR_ARGUMENT, "both neighbors and cell are given");
}

static void test_open_arguments(const char *path) {
  dpc_model *model = (dpc_model *)(uintptr_t)8;
  dpc_error error;
  CHECK(dpc_open(NULL, NULL, &model, &error) == DPC_ERROR_ARGUMENT && model == NULL, "path NULL");
  CHECK(dpc_open("", NULL, &model, &error) == DPC_ERROR_ARGUMENT, "path empty");
  CHECK(dpc_open(path, NULL, NULL, &error) == DPC_ERROR_ARGUMENT, "model NULL");
  const dpc_options wrong[] = {{.size = 4},
                               {.size = sizeof(dpc_options), .threads = -1},
                               {.size = sizeof(dpc_options), .threads = 100000},
                               {.size = sizeof(dpc_options), .device = -2},
                               {.size = sizeof(dpc_options), .flags = 64}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK(dpc_open(path, &wrong[i], &model, &error) == DPC_ERROR_ARGUMENT, "options %zu", i);
  const dpc_options older = {.size = offsetof(dpc_options, device_bytes), .device = -1};
  CHECK(dpc_open(path, &older, &model, &error) == DPC_OK, "%s", error.message);
  dpc_close(model);
  const dpc_options device = {.size = sizeof device, .device = 1};
  CHECK(dpc_open(path, &device, &model, &error) == DPC_ERROR_DEVICE, "device 1");
  CHECK(dpc_open("/no/such.dpc", NULL, &model, &error) == DPC_ERROR_FILE, "missing");
  CHECK(strstr(error.message, "/no/such.dpc: no such package") != NULL, "%s", error.message);
  dpc_close(NULL);
  dpc_session_free(NULL);
  CHECK(dpc_get_facts(NULL) == NULL, "facts of nothing");
  dpc_session *none;
  CHECK(dpc_session_new(NULL, &none, &error) == DPC_ERROR_ARGUMENT, "model NULL");
  CHECK(dpc_session_new(NULL, NULL, &error) == DPC_ERROR_ARGUMENT, "session NULL");
}

static void test_facts(const dpc_model *model) {
  const dpc_facts *facts = dpc_get_facts(model);
  CHECK(facts->size == sizeof *facts && facts->ntypes == 2 && facts->rcut == 4.0, "facts");
  CHECK(strcmp(facts->type_map[0], "O") == 0 && strcmp(facts->type_map[1], "H") == 0, "types");
  CHECK(facts->outputs == 31 && facts->fparam == 0 && facts->aparam == 0, "outputs");
  CHECK(strcmp(facts->target, "cpu x86-64") == 0, "target %s", facts->target);
  CHECK(strcmp(facts->name, "fake") == 0 && strcmp(facts->precision, "f64") == 0, "names");

  const char *names[] = {"H", NULL, "O", "Hf"};
  int32_t types[4];
  dpc_error error;
  CHECK(dpc_map_types(model, names, 3, types, &error) == DPC_OK, "%s", error.message);
  CHECK(types[0] == 1 && types[1] == -1 && types[2] == 0, "types");
  CHECK(dpc_map_types(model, names, 4, types, &error) == DPC_ERROR_ARGUMENT, "Hf");
  CHECK(strcmp(error.message, "element 'Hf' is not in fake.dpc, which knows O H") == 0, "%s",
        error.message);
  CHECK(dpc_map_types(model, NULL, 1, types, &error) == DPC_ERROR_ARGUMENT, "NULL names");
  CHECK(dpc_map_types(model, NULL, 0, NULL, &error) == DPC_OK, "no names");
  CHECK(dpc_api() == DPC_API, "api");
}

/* A child of fork() has no copy of the threads: it is told, and can still leave. */
static void test_fork(const char *path) {
  dpc_model *model = open_model(path, 2, 0);
  dpc_session *threaded = new_session(model);
  const pid_t child = fork();
  if (child == 0) {
    dpc_error error;
    const dpc_status status = dpc_evaluate(threaded, &input, &output, &error);
    dpc_session_free(threaded);
    _exit(status == DPC_ERROR_ARGUMENT && strstr(error.message, "fork()") != NULL ? 0 : 1);
  }
  int result = 1;
  CHECK(waitpid(child, &result, 0) == child && result == 0, "the child ended with %d", result);
  dpc_session_free(threaded);
  dpc_close(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: %s PACKAGE", argv[0]);
  dpc_model *model = open_model(argv[1], 1, 0);
  session = new_session(model);
  found = new_results(N, N);
  reset();
  test_structs();
  test_numbers();
  test_coincident();
  test_lists();
  test_open_arguments(argv[1]);
  test_facts(model);
  test_fork(argv[1]);
  free_results(&found);
  dpc_session_free(session);
  dpc_close(model);
  return 0;
}
