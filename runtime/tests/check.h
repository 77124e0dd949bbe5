/* check.h: what the C tests share. A failed check prints where and ends the program. */
#ifndef DPC_TESTS_CHECK_H
#define DPC_TESTS_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpc.h"

#define CHECK(condition, ...)                                                                      \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                              \
      fprintf(stderr, __VA_ARGS__);                                                                \
      fprintf(stderr, "\n");                                                                       \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

#define CHECK_CLOSE(a, b, tolerance)                                                               \
  CHECK(fabs((a) - (b)) <= (tolerance), "%.17g and %.17g differ by %.3g", (double)(a),             \
        (double)(b), (double)((a) - (b)))

static inline dpc_model *open_model(const char *path, int32_t threads, uint32_t flags) {
  const dpc_options options = {
      .size = sizeof options, .device = -1, .threads = threads, .flags = flags};
  dpc_model *model;
  dpc_error error;
  CHECK(dpc_open(path, &options, &model, &error) == DPC_OK, "%s", error.message);
  return model;
}

static inline dpc_session *new_session(const dpc_model *model) {
  dpc_session *session;
  dpc_error error;
  CHECK(dpc_session_new(model, &session, &error) == DPC_OK, "%s", error.message);
  return session;
}

/* Numbers in [0, 1): reproducible, the same on every machine. */
static inline double uniform(void) {
  static uint64_t state = 0x9e3779b97f4a7c15u;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (double)(state >> 11) / 9007199254740992.0;
}

#endif
