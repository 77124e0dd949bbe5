/* Whatever fails once: a clear error, no half result, and the next try works. Prints the energy,
 * then each failure. */
#include <stdbool.h>

#include "system.h"

enum { N = 12, TRIES = 3 };
static const double CELL[9] = {9, 0, 0, 0, 9, 0, 0, 0, 9};

static int failures;

static void note(dpc_status status, const dpc_error *error) {
  CHECK(status == error->status && error->message[0] != '\0', "a failure without a message");
  printf("%d %s\n", status, error->message);
  CHECK(++failures < TRIES, "it does not stop to fail");
}

static bool run(const char *path, const dpc_input *input, double *energy) {
  double force[3 * N], first = 0;
  dpc_output output = {.size = sizeof output, .energy = energy, .force = force};
  dpc_model *model = NULL;
  dpc_session *session = NULL;
  dpc_error error = {.status = DPC_OK};
  bool good = dpc_open(path, NULL, &model, &error) == DPC_OK &&
              dpc_session_new(model, &session, &error) == DPC_OK;
  for (int step = 0; step < 3 && good; step++) { /* as it is, recorded, replayed */
    memset(force, 1, sizeof force);
    *energy = NAN;
    good = dpc_evaluate(session, input, &output, &error) == DPC_OK;
    if (!good) {
      CHECK(*energy == 0, "half a result");
      for (int i = 0; i < 3 * N; i++) CHECK(force[i] == 0, "half a result");
      /* in the same session, unless the device itself is lost */
      if (strstr(error.message, "launch failure") == NULL) {
        note(error.status, &error);
        good = dpc_evaluate(session, input, &output, &error) == DPC_OK;
      }
    }
    if (step == 0) first = *energy;
    else if (good) CHECK(*energy == first, "another energy");
  }
  dpc_session_free(session);
  dpc_close(model);
  if (!good) note(error.status, &error);
  return good;
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: %s PACKAGE", argv[0]);
  double coord[3 * N], energy = 0;
  int32_t type[N];
  scatter(coord, type, N, CELL);
  explicit_system all = make_explicit(coord, type, N, CELL, 0, 4.5);
  dpc_neighbors list = csr_list(&all);
  list.age = 1;
  const dpc_input input = {.size = sizeof input,
                           .nloc = N,
                           .nall = all.nall,
                           .coord = all.coord,
                           .type = all.type,
                           .neighbors = &list};
  CHECK(all.nall == N, "no ghosts here");
  while (!run(argv[1], &input, &energy)) continue;
  printf("energy %.17g\n", energy);
  free_explicit(&all);
  return 0;
}
