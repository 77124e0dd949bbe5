/* Nothing is allocated in a steady step. This file puts itself between libdpc and malloc,
 * so it is built without sanitizers, which do the same. */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include <errno.h>
#include <stdatomic.h>

#include "system.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_int counting, allocations;

static void count(void) {
  if (atomic_load(&counting)) atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  count();
  *result = __libc_memalign(alignment, size);
  return *result != NULL ? 0 : ENOMEM;
}

enum { N = 200, STEPS = 20 };
static const double CELL[9] = {14, 0, 0, 2, 13, 0, 1, -1, 15};

static void step(dpc_session *session, dpc_input *input, double *coord, results *r) {
  for (int i = 0; i < 3 * input->nall; i++) coord[i] += 0.02 * (uniform() - 0.5);
  evaluate(session, input, r);
}

static void run(const char *path, int32_t threads, int form) {
  dpc_model *model = open_model(path, threads, 0);
  dpc_session *session = new_session(model);
  double coord[3 * N];
  int32_t type[N];
  scatter(coord, type, N, CELL);
  explicit_system all = make_explicit(coord, type, N, CELL, 1, 4.5);
  dpc_neighbors list = form == 1 ? lammps_list(&all) : csr_list(&all);
  dpc_input input = explicit_input(&all, &list);
  if (form == 0)
    input = (dpc_input){
        .size = sizeof input, .nloc = N, .nall = N, .coord = coord, .type = type, .cell = CELL};
  double *moving = form == 0 ? coord : all.coord;
  results r = new_results(N, input.nall);
  if (!(dpc_get_facts(model)->outputs & DPC_ATOM_VIRIAL)) {
    free(r.atom_virial);
    r.atom_virial = NULL;
  }
  step(session, &input, moving, &r);
  atomic_store(&counting, 1);
  for (list.age = 1; list.age < STEPS; list.age++) step(session, &input, moving, &r);
  atomic_store(&counting, 0);
  CHECK(atomic_load(&allocations) == 0, "%d allocations with %d threads, form %d",
        atomic_load(&allocations), threads, form);
  free_results(&r);
  free_explicit(&all);
  dpc_session_free(session);
  dpc_close(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "usage: %s PACKAGE", argv[0]);
  void *(*volatile allocate)(size_t) = malloc; /* the compiler may not see through it */
  atomic_store(&counting, 1);
  free(allocate(1)); /* proves that the interposer counts */
  CHECK(atomic_exchange(&allocations, 0) == 1, "malloc is not counted");
  atomic_store(&counting, 0);
  for (int form = 0; form < 3; form++)
    for (int32_t threads = 1; threads <= 3; threads++) run(argv[1], threads, form);
  return 0;
}
