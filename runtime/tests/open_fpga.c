/* open_fpga PACKAGE DEVICE [TIMES]: opens and evaluates three atoms so often. A line for each:
 * "STATUS message", or "0 energy". The target that the package says goes to stderr. */
#include "check.h"

int main(int argc, char **argv) {
  CHECK(argc == 3 || argc == 4, "usage: %s PACKAGE DEVICE [TIMES]", argv[0]);
  const dpc_options options = {.size = sizeof options, .device = -1, .device_name = argv[2]};
  const double coord[9] = {0, 0, 0, 0, 0, 1.5, 1.5, 0, 0};
  const int32_t type[3] = {0, 1, 1};
  double energy = 0, force[9];
  const dpc_input input = {
      .size = sizeof input, .nloc = 3, .nall = 3, .coord = coord, .type = type};
  dpc_output output = {.size = sizeof output, .energy = &energy, .force = force};
  dpc_model *model = NULL;
  dpc_session *session = NULL;
  dpc_error error = {.status = DPC_OK};
  if (dpc_open(argv[1], &options, &model, &error) != DPC_OK ||
      dpc_session_new(model, &session, &error) != DPC_OK) {
    printf("%d %s\n", error.status, error.message);
    return 0;
  }
  fprintf(stderr, "%s\n", dpc_get_facts(model)->target);
  for (int times = argc == 4 ? atoi(argv[3]) : 1; times > 0; times--) {
    if (dpc_evaluate(session, &input, &output, &error) == DPC_OK) printf("0 %.17g\n", energy);
    else printf("%d %s\n", error.status, error.message);
  }
  dpc_session_free(session);
  dpc_close(model);
  return 0;
}
