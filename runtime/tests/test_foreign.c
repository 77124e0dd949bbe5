/* DPC_DEVICE: a system whose arrays are on the device gives what it gives from the host. */
#define _GNU_SOURCE /* dlopen under -std=c11 */
#include <dlfcn.h>
#include <stdbool.h>

#include "system.h"

enum { N = 30, STEPS = 4, GPU = 4, CPU = 2, READ_WRITE = 1 };
static const double CELL[9] = {9, 0, 0, 1, 8, 0, -1, 1, 10};

/* What a caller has: memory, copies and a stream, by the driver itself. */
static struct {
  void *context, *stream;
  int (*allocate)(void **, size_t);
  int (*to)(void *, const void *, size_t, void *);
  int (*from)(void *, const void *, size_t, void *);
  int (*release)(void *);
  int (*create)(void **, unsigned);
  int (*destroy)(void *);
  int (*wait)(void *);
} device;

static void *find(void *library, const char *name) {
  void *found = dlsym(library, name);
  CHECK(found != NULL, "%s", name);
  return found;
}

/* OpenCL by the same six functions */
static struct {
  void *(*create_buffer)(void *, uint64_t, size_t, void *, int *);
  int (*write)(void *, void *, unsigned, size_t, size_t, const void *, unsigned, void *, void *);
  int (*read)(void *, const void *, unsigned, size_t, size_t, void *, unsigned, void *, void *);
} cl;

static int cl_allocate(void **made, size_t bytes) {
  int code;
  *made = cl.create_buffer(device.context, READ_WRITE, bytes, NULL, &code);
  return code;
}

static int cl_to(void *to, const void *from, size_t bytes, void *stream) {
  return cl.write(stream, to, 1, 0, bytes, from, 0, NULL, NULL);
}

static int cl_from(void *to, const void *from, size_t bytes, void *stream) {
  return cl.read(stream, from, 1, 0, bytes, to, 0, NULL, NULL);
}

static void open_opencl(void) {
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW);
  int (*platforms)(unsigned, void **, unsigned *), code;
  int (*devices)(void *, uint64_t, unsigned, void **, unsigned *);
  void *(*context)(void *, unsigned, void **, void *, void *, int *);
  void *(*queue)(void *, void *, uint64_t, int *);
  CHECK(library != NULL, "%s", dlerror());
  *(void **)&platforms = find(library, "clGetPlatformIDs");
  *(void **)&devices = find(library, "clGetDeviceIDs");
  *(void **)&context = find(library, "clCreateContext");
  *(void **)&queue = find(library, "clCreateCommandQueue");
  *(void **)&cl.create_buffer = find(library, "clCreateBuffer");
  *(void **)&cl.write = find(library, "clEnqueueWriteBuffer");
  *(void **)&cl.read = find(library, "clEnqueueReadBuffer");
  *(void **)&device.release = find(library, "clReleaseMemObject");
  *(void **)&device.destroy = find(library, "clReleaseCommandQueue");
  *(void **)&device.wait = find(library, "clFinish");
  void *platform, *first;
  CHECK(platforms(1, &platform, NULL) == 0, "no platform");
  CHECK(devices(platform, GPU | CPU, 1, &first, NULL) == 0, "no device");
  device.context = context(NULL, 1, &first, NULL, NULL, &code);
  device.stream = queue(device.context, first, 0, &code);
  CHECK(code == 0, "no queue");
  device.allocate = cl_allocate;
  device.to = cl_to;
  device.from = cl_from;
}

/* After the package: CUDA has its context by then. */
static void open_native(const char *driver) {
  const bool cuda = strcmp(driver, "cuda") == 0;
  void *library = dlopen(cuda ? "libcuda.so.1" : "libamdhip64.so", RTLD_NOW);
  CHECK(library != NULL, "%s", dlerror());
  *(void **)&device.allocate = find(library, cuda ? "cuMemAlloc_v2" : "hipMalloc");
  *(void **)&device.to = find(library, cuda ? "cuMemcpyHtoDAsync_v2" : "hipMemcpyHtoDAsync");
  *(void **)&device.from = find(library, cuda ? "cuMemcpyDtoHAsync_v2" : "hipMemcpyDtoHAsync");
  *(void **)&device.release = find(library, cuda ? "cuMemFree_v2" : "hipFree");
  *(void **)&device.create = find(library, cuda ? "cuStreamCreate" : "hipStreamCreateWithFlags");
  *(void **)&device.destroy = find(library, cuda ? "cuStreamDestroy_v2" : "hipStreamDestroy");
  *(void **)&device.wait = find(library, cuda ? "cuStreamSynchronize" : "hipStreamSynchronize");
  CHECK(device.create(&device.stream, 1) == 0, "no stream");
}

static void *put(const void *data, size_t bytes) {
  void *made;
  CHECK(device.allocate(&made, bytes) == 0, "no memory");
  CHECK(device.to(made, data, bytes, device.stream) == 0, "no copy");
  return made;
}

static void get(double *to, const void *from, size_t n) {
  CHECK(device.from(to, from, n * sizeof *to, device.stream) == 0, "no copy");
  CHECK(device.wait(device.stream) == 0, "no wait");
}

static void compare(const double *a, const double *b, size_t n) {
  for (size_t i = 0; i < n; i++) CHECK(a[i] == b[i], "number %zu: %.17g, not %.17g", i, a[i], b[i]);
}

/* A table as KOKKOS has it: neighbour k of atom i at [k * nloc + i], with bits above the index. */
static int32_t *table(const explicit_system *s, int32_t most, int32_t bits) {
  int32_t *made = calloc((size_t)(most * N), sizeof *made);
  for (int32_t i = 0; i < N; i++)
    for (int32_t k = 0; k < s->numneigh[i]; k++)
      made[k * N + i] = s->firstneigh[i][k] | (k % 2 == 0 ? bits : 0);
  return made;
}

static void run(dpc_session *session) {
  double coord[3 * N];
  int32_t type[N], most = 0;
  scatter(coord, type, N, CELL);
  explicit_system s = make_explicit(coord, type, N, CELL, 1, 4.5);
  for (int32_t i = 0; i < N; i++) most = s.numneigh[i] > most ? s.numneigh[i] : most;
  int32_t *entries = table(&s, most, 1 << 30);
  const size_t nall = (size_t)s.nall;
  results host = new_results(N, s.nall), got = new_results(N, s.nall);
  dpc_neighbors list = csr_list(&s);
  dpc_input here = explicit_input(&s, &list), there = {.size = sizeof there};
  dpc_device_neighbors far = {.count = N, .mask = (1 << 30) - 1, .atom_stride = 1, .stride = N};
  there.nloc = N;
  there.nall = s.nall;
  there.memory = DPC_DEVICE;
  there.stream = device.stream;
  there.device_neighbors = &far;
  far.numneigh = put(s.numneigh, N * sizeof *s.numneigh);
  far.entries = put(entries, (size_t)(most * N) * sizeof *entries);
  far.age = 7;
  there.type = put(s.type, nall * sizeof *s.type);
  there.coord = put(s.coord, 3 * nall * sizeof *s.coord);
  dpc_output output = all_of(&got);
  output.force = put(got.force, 3 * nall * sizeof(double));
  output.atom_energy = put(got.atom_energy, N * sizeof(double));
  output.atom_virial = put(got.atom_virial, 9 * nall * sizeof(double));
  for (int step = 0; step < STEPS; step++) {
    dpc_error error;
    for (size_t i = 0; i < 3 * nall; i++) s.coord[i] += 0.01 * (uniform() - 0.5);
    void *coord_there = (void *)(uintptr_t)there.coord;
    CHECK(device.to(coord_there, s.coord, 3 * nall * sizeof(double), device.stream) == 0, "copy");
    CHECK(dpc_evaluate(session, &there, &output, &error) == DPC_OK, "%s", error.message);
    get(got.force, output.force, 3 * nall);
    get(got.atom_energy, output.atom_energy, N);
    get(got.atom_virial, output.atom_virial, 9 * nall);
    /* in between the same session evaluates from the host: what is kept must not mix */
    if (step != 1) evaluate(session, &here, &host);
    else continue;
    CHECK_CLOSE(got.energy, host.energy, 1e-11);
    compare(got.force, host.force, 3 * nall);
    compare(got.atom_energy, host.atom_energy, N);
    compare(got.atom_virial, host.atom_virial, 9 * nall);
    for (int k = 0; k < 9; k++) CHECK_CLOSE(got.virial[k], host.virial[k], 1e-11);
  }
  const void *arrays[] = {far.numneigh, far.entries,        there.type,        there.coord,
                          output.force, output.atom_energy, output.atom_virial};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    CHECK(device.release((void *)(uintptr_t)arrays[i]) == 0, "array %zu", i);
  free(entries);
  free_results(&host);
  free_results(&got);
  free_explicit(&s);
}

static void test_refusals(dpc_session *session) {
  const double coord[3] = {0};
  const int32_t type[1] = {0};
  double energy;
  dpc_error error;
  dpc_output output = {.size = sizeof output, .energy = &energy};
  dpc_input input = {.size = sizeof input, .nloc = 1, .nall = 1, .coord = coord, .type = type};
  input.memory = DPC_DEVICE;
  CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_ERROR_ARGUMENT, "no list");
  CHECK(strstr(error.message, "device_neighbors is NULL") != NULL, "%s", error.message);
  input.memory = 5;
  CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_ERROR_ARGUMENT, "memory 5");
  input.memory = DPC_HOST;
  input.device_neighbors = &(dpc_device_neighbors){0};
  CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_ERROR_ARGUMENT, "a list for nothing");
}

static void test_on_the_cpu(const char *path) {
  dpc_model *model = open_model(path, 1, 0);
  dpc_session *session = new_session(model);
  const dpc_device_neighbors list = {0};
  const dpc_input input = {.size = sizeof input, .memory = DPC_DEVICE, .device_neighbors = &list};
  dpc_output output = {.size = sizeof output};
  dpc_error error;
  CHECK(dpc_evaluate(session, &input, &output, &error) == DPC_ERROR_ARGUMENT, "%s", error.message);
  CHECK(strstr(error.message, "memory is DPC_DEVICE, but cpu.dpc runs on the CPU") != NULL, "%s",
        error.message);
  dpc_session_free(session);
  dpc_close(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 4, "usage: %s DRIVER GPU-PACKAGE CPU-PACKAGE", argv[0]);
  const bool opencl = strcmp(argv[1], "opencl") == 0;
  if (opencl) open_opencl();
  const dpc_options options = {.size = sizeof options, .device = -1, .context = device.context};
  dpc_model *model;
  dpc_error error;
  CHECK(dpc_open(argv[2], &options, &model, &error) == DPC_OK, "%s", error.message);
  if (!opencl) open_native(argv[1]);
  dpc_session *session = new_session(model);
  run(session);
  test_refusals(session);
  run(session);
  CHECK(device.destroy(device.stream) == 0, "stream");
  dpc_session_free(session);
  dpc_close(model);
  test_on_the_cpu(argv[3]);
  return 0;
}
