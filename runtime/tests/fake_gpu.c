/* fake_gpu.c: host.so of a package for a GPU around the kernels of fake_kernels.h. */
#include "dpc_device.h"
#include "dpc_model.h"

#ifndef FAKE_DRIVER
#define FAKE_DRIVER "opencl"
#endif
#ifndef FAKE_CODES
#define FAKE_CODES {"opencl", "bin/kernels.cl", 0}
#endif
#ifndef FAKE_DEVICE_ABI
#define FAKE_DEVICE_ABI DPC_DEVICE_ABI
#endif
#ifndef FAKE_ROW_BYTES
#define FAKE_ROW_BYTES 40 /* more: memory that chunks save */
#endif
#ifndef FAKE_MOST_CENTERS
#define FAKE_MOST_CENTERS 0
#endif
#ifndef FAKE_ONE_TYPE
#define FAKE_ONE_TYPE 0
#endif
#ifndef FAKE_CODE
#define FAKE_CODE 0 /* what every chunk returns */
#endif

enum { MEASURE, ENERGIES, FORCES, CONVERT, TOTAL };
enum { ROWS, MOMENTS, SCALES, EACH, FORCE, VIRIAL, ATOM_VIRIAL };
enum { W, BIAS };
enum { THREADS = 32, HEADER = 192 };

static const char *const kernels[] = {"measure", "energies", "forces", "convert", "total"};
static const dpc_code codes[] = {FAKE_CODES};
static const dpc_tensor tensors[] = {{HEADER, 32}, {HEADER + 32, 16}};
static const dpc_array arrays[] = {[ROWS] = {.row = FAKE_ROW_BYTES}, [MOMENTS] = {.center = 32},
                                   [SCALES] = {.center = 8},         [EACH] = {.local = 8},
                                   [FORCE] = {.atom = 24},           [VIRIAL] = {.fixed = 72},
                                   [ATOM_VIRIAL] = {.atom = 72}};

#define MEMORY(m) {.memory = (m)}
#define SCALAR(v) {.value = &(v), .size = sizeof(v)}
#define LAUNCH(kernel, blocks, threads, ...)                                                       \
  launch(step, kernel, (uint32_t)(blocks), threads, (const dpc_argument[]){__VA_ARGS__},           \
         (int32_t)(sizeof((const dpc_argument[]){__VA_ARGS__}) / sizeof(dpc_argument)))

static int32_t launch(const dpc_step *step, int32_t kernel, uint32_t blocks, uint32_t threads,
                      const dpc_argument *arguments, int32_t count) {
  const uint32_t grid[3] = {blocks, 1, 1}, block[3] = {threads, 1, 1};
  return step->call->launch(step->queue, step->kernels[kernel], grid, block, 0, arguments, count);
}

static int32_t begin(const dpc_step *step) {
  dpc_memory *const *a = step->arrays;
  int32_t code = step->call->zero(step->queue, a[FORCE], (size_t)step->nall * 24);
  if (code == 0) code = step->call->zero(step->queue, a[VIRIAL], 72);
  if (code == 0) code = step->call->zero(step->queue, a[ATOM_VIRIAL], (size_t)step->nall * 72);
  return code;
}

static int32_t chunk(const dpc_step *step) {
  dpc_memory *const *a = step->arrays, *const *t = step->tensors;
  const int32_t blocks = (step->count + THREADS - 1) / THREADS;
  if (FAKE_CODE != 0) return FAKE_CODE;
  int32_t code =
      LAUNCH(MEASURE, step->count, THREADS, MEMORY(step->coord), MEMORY(step->type),
             MEMORY(step->centers), MEMORY(step->starts), MEMORY(step->counts),
             MEMORY(step->entries), SCALAR(step->stride), SCALAR(step->mask), SCALAR(step->first),
             SCALAR(step->count), SCALAR(step->row_first), MEMORY(t[W]), MEMORY(a[ROWS]),
             MEMORY(a[MOMENTS]), MEMORY(step->counters), MEMORY(step->row_starts));
  if (code == 0)
    code = LAUNCH(ENERGIES, blocks, THREADS, MEMORY(a[MOMENTS]), MEMORY(step->type),
                  MEMORY(step->centers), MEMORY(t[BIAS]), MEMORY(step->fparam),
                  MEMORY(step->aparam), MEMORY(a[SCALES]), MEMORY(a[EACH]),
                  MEMORY(step->atom_energy), SCALAR(step->first), SCALAR(step->count));
  if (code != 0 || (!step->force && !step->virial && !step->atom_virial)) return code;
  return LAUNCH(FORCES, step->count, THREADS, MEMORY(step->centers), MEMORY(step->counts),
                MEMORY(step->starts), MEMORY(step->entries), SCALAR(step->stride),
                SCALAR(step->mask), SCALAR(step->first), SCALAR(step->row_first), MEMORY(a[ROWS]),
                MEMORY(a[MOMENTS]), MEMORY(a[SCALES]), MEMORY(a[FORCE]), MEMORY(a[VIRIAL]),
                MEMORY(a[ATOM_VIRIAL]), MEMORY(step->row_starts));
}

static int32_t convert(const dpc_step *step, int32_t from, dpc_memory *to, int32_t count) {
  if (to == NULL) return 0;
  return LAUNCH(CONVERT, (count + THREADS - 1) / THREADS, THREADS, MEMORY(step->arrays[from]),
                MEMORY(to), SCALAR(count));
}

static int32_t finish(const dpc_step *step) {
  int32_t code = convert(step, FORCE, step->force, 3 * step->nall);
  if (code == 0) code = convert(step, VIRIAL, step->virial, 9);
  if (code == 0) code = convert(step, ATOM_VIRIAL, step->atom_virial, 9 * step->nall);
  if (code != 0 || step->energy == NULL) return code;
  return LAUNCH(TOTAL, 1, 1, MEMORY(step->arrays[EACH]), MEMORY(step->energy),
                SCALAR(step->ncenters));
}

static const dpc_device_plan plan = {.size = sizeof plan,
                                     .abi = FAKE_DEVICE_ABI,
                                     .driver = FAKE_DRIVER,
                                     .codes = codes,
                                     .ncodes = sizeof codes / sizeof *codes,
                                     .kernels = kernels,
                                     .nkernels = sizeof kernels / sizeof *kernels,
                                     .tensors = tensors,
                                     .ntensors = sizeof tensors / sizeof *tensors,
                                     .arrays = arrays,
                                     .narrays = sizeof arrays / sizeof *arrays,
                                     .most_centers = FAKE_MOST_CENTERS,
                                     .one_type = FAKE_ONE_TYPE,
                                     .begin = begin,
                                     .chunk = chunk,
                                     .finish = finish};

const dpc_model_abi dpc_model_entry = {.abi = DPC_ABI,
                                       .size = sizeof(dpc_model_abi),
                                       .isa = "",
                                       .ntypes = 2,
                                       .tile_atoms = 1,
                                       .params_bytes = 240,
                                       .device = &plan};
