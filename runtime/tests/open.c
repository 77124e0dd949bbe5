/* Opens a package and evaluates two atoms: prints "STATUS message", or "0 energy". */
#include "check.h"

int main(int argc, char **argv) {
  CHECK(argc >= 2 && argc <= 5, "usage: %s PACKAGE [FLAGS [THREADS [DEVICE]]]", argv[0]);
  const dpc_options options = {.size = sizeof options,
                               .device = argc > 4 ? atoi(argv[4]) : -1,
                               .flags = argc > 2 ? (uint32_t)atoi(argv[2]) : 0,
                               .threads = argc > 3 ? atoi(argv[3]) : 1};
  const double coord[6] = {0, 0, 0, 0, 0, 1};
  const int32_t type[2] = {0, 1};
  double energy = 0, force[6];
  const dpc_input input = {
      .size = sizeof input, .nloc = 2, .nall = 2, .coord = coord, .type = type};
  dpc_output output = {.size = sizeof output, .energy = &energy, .force = force};
  dpc_model *model = NULL;
  dpc_session *session = NULL;
  dpc_error error = {.status = DPC_OK};
  if (dpc_open(argv[1], &options, &model, &error) == DPC_OK &&
      dpc_session_new(model, &session, &error) == DPC_OK)
    dpc_evaluate(session, &input, &output, &error);
  if (error.status == DPC_OK)
    printf("0 %.17g warnings %u, %lld beyond sel, %lld too close\n", energy, output.warnings,
           (long long)output.sel_overflow, (long long)output.extrapolated);
  else printf("%d %s\n", error.status, error.message);
  dpc_session_free(session);
  dpc_close(model);
  return 0;
}
