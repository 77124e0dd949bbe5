/* OpenCL 1.2 and later: libOpenCL.so.1, which knows the platforms of a machine. GPUs count
 * before CPUs. Code is source that the driver compiles when the package is opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

/* values of the OpenCL specification */
enum {
  SUCCESS = 0,
  DEVICE_NOT_FOUND = -1,
  ALLOCATION_FAILURE = -4,
  OUT_OF_RESOURCES = -5,
  OUT_OF_HOST_MEMORY = -6,
  BUILD_FAILURE = -11,
  INVALID_BUFFER_SIZE = -61,
  NO_PLATFORM = -1001, /* of the loader of platforms */
  TYPE_CPU = 2,
  TYPE_GPU = 4,
  TYPE_ACCELERATOR = 8,
  DEVICE_MAX_COMPUTE_UNITS = 0x1002,
  DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010,
  DEVICE_GLOBAL_MEM_SIZE = 0x101F,
  DEVICE_LOCAL_MEM_SIZE = 0x1023,
  DEVICE_NAME = 0x102B,
  DEVICE_DOUBLE_FP_CONFIG = 0x1032,
  CONTEXT_DEVICES = 0x1081,
  BUILD_LOG = 0x1183,
  MEM_READ_WRITE = 1,
  MOST_PLATFORMS = 16,
  MOST_DEVICES = 256
};

typedef struct calls {
  int32_t (*platforms)(uint32_t, void **, uint32_t *);
  int32_t (*devices)(void *platform, uint64_t type, uint32_t, void **, uint32_t *);
  int32_t (*device_info)(void *device, uint32_t what, size_t, void *, size_t *);
  int32_t (*context_info)(void *context, uint32_t what, size_t, void *, size_t *);
  void *(*create_context)(const intptr_t *, uint32_t, void **, void *, void *, int32_t *);
  int32_t (*retain_context)(void *), (*release_context)(void *);
  void *(*create_queue)(void *context, void *device, uint64_t properties, int32_t *);
  int32_t (*retain_queue)(void *), (*release_queue)(void *);
  void *(*create_program)(void *context, uint32_t, const char **, const size_t *, int32_t *);
  int32_t (*build)(void *program, uint32_t, void **, const char *, void *, void *);
  int32_t (*build_info)(void *program, void *device, uint32_t what, size_t, void *, size_t *);
  int32_t (*release_program)(void *);
  void *(*create_kernel)(void *program, const char *, int32_t *);
  int32_t (*release_kernel)(void *);
  int32_t (*set_argument)(void *kernel, uint32_t, size_t, const void *);
  void *(*create_buffer)(void *context, uint64_t flags, size_t, void *, int32_t *);
  int32_t (*release_memory)(void *);
  int32_t (*write)(void *queue, void *buffer, uint32_t block, size_t offset, size_t, const void *,
                   uint32_t, const void *, void *);
  int32_t (*read)(void *queue, void *buffer, uint32_t block, size_t offset, size_t, void *,
                  uint32_t, const void *, void *);
  int32_t (*fill)(void *queue, void *buffer, const void *, size_t, size_t offset, size_t, uint32_t,
                  const void *, void *);
  int32_t (*copy)(void *queue, void *from, void *to, size_t, size_t, size_t, uint32_t, const void *,
                  void *);
  int32_t (*launch)(void *queue, void *kernel, uint32_t, const size_t *, const size_t *,
                    const size_t *, uint32_t, const void *, void *);
  int32_t (*finish)(void *queue);
} calls;

#define SYMBOL(name, member) {name, offsetof(calls, member), false}
static const dpc_symbol symbols[] = {SYMBOL("clGetPlatformIDs", platforms),
                                     SYMBOL("clGetDeviceIDs", devices),
                                     SYMBOL("clGetDeviceInfo", device_info),
                                     SYMBOL("clGetContextInfo", context_info),
                                     SYMBOL("clCreateContext", create_context),
                                     SYMBOL("clRetainContext", retain_context),
                                     SYMBOL("clReleaseContext", release_context),
                                     SYMBOL("clCreateCommandQueue", create_queue),
                                     SYMBOL("clRetainCommandQueue", retain_queue),
                                     SYMBOL("clReleaseCommandQueue", release_queue),
                                     SYMBOL("clCreateProgramWithSource", create_program),
                                     SYMBOL("clBuildProgram", build),
                                     SYMBOL("clGetProgramBuildInfo", build_info),
                                     SYMBOL("clReleaseProgram", release_program),
                                     SYMBOL("clCreateKernel", create_kernel),
                                     SYMBOL("clReleaseKernel", release_kernel),
                                     SYMBOL("clSetKernelArg", set_argument),
                                     SYMBOL("clCreateBuffer", create_buffer),
                                     SYMBOL("clReleaseMemObject", release_memory),
                                     SYMBOL("clEnqueueWriteBuffer", write),
                                     SYMBOL("clEnqueueReadBuffer", read),
                                     SYMBOL("clEnqueueFillBuffer", fill),
                                     SYMBOL("clEnqueueCopyBuffer", copy),
                                     SYMBOL("clEnqueueNDRangeKernel", launch),
                                     SYMBOL("clFinish", finish)};

typedef struct context {
  void *device, *handle;
} context;

static const calls *of(const dpc_device *device) { return device->calls; }
static const context *own(const dpc_device *device) { return device->own; }
static void *object(uintptr_t handle) { return (void *)handle; }

static const void *load_calls(void *library, const char **missing) {
  calls *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  *missing = dpc_load_symbols(library, symbols, sizeof symbols / sizeof *symbols, made);
  if (*missing == NULL) return made;
  free(made);
  return NULL;
}

/* OpenCL has no function that explains its codes. */
static const char *text_of(int32_t code) {
  static const char *const texts[] = {[1] = "CL_DEVICE_NOT_FOUND",
                                      [2] = "CL_DEVICE_NOT_AVAILABLE",
                                      [3] = "CL_COMPILER_NOT_AVAILABLE",
                                      [4] = "CL_MEM_OBJECT_ALLOCATION_FAILURE",
                                      [5] = "CL_OUT_OF_RESOURCES",
                                      [6] = "CL_OUT_OF_HOST_MEMORY",
                                      [11] = "CL_BUILD_PROGRAM_FAILURE",
                                      [13] = "CL_MISALIGNED_SUB_BUFFER_OFFSET",
                                      [14] = "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
                                      [30] = "CL_INVALID_VALUE",
                                      [33] = "CL_INVALID_DEVICE",
                                      [34] = "CL_INVALID_CONTEXT",
                                      [36] = "CL_INVALID_COMMAND_QUEUE",
                                      [38] = "CL_INVALID_MEM_OBJECT",
                                      [43] = "CL_INVALID_BUILD_OPTIONS",
                                      [44] = "CL_INVALID_PROGRAM",
                                      [45] = "CL_INVALID_PROGRAM_EXECUTABLE",
                                      [46] = "CL_INVALID_KERNEL_NAME",
                                      [48] = "CL_INVALID_KERNEL",
                                      [49] = "CL_INVALID_ARG_INDEX",
                                      [50] = "CL_INVALID_ARG_VALUE",
                                      [51] = "CL_INVALID_ARG_SIZE",
                                      [52] = "CL_INVALID_KERNEL_ARGS",
                                      [53] = "CL_INVALID_WORK_DIMENSION",
                                      [54] = "CL_INVALID_WORK_GROUP_SIZE",
                                      [55] = "CL_INVALID_WORK_ITEM_SIZE",
                                      [61] = "CL_INVALID_BUFFER_SIZE",
                                      [63] = "CL_INVALID_GLOBAL_WORK_SIZE"};
  const int32_t n = (int32_t)(sizeof texts / sizeof *texts);
  if (code == NO_PLATFORM) return "CL_PLATFORM_NOT_FOUND_KHR";
  return code < 0 && -code < n && texts[-code] != NULL ? texts[-code] : "an unknown error";
}

static dpc_status check(const dpc_device *device, int32_t code, const char *what,
                        dpc_error *error) {
  if (code == SUCCESS) return DPC_OK;
  const bool memory = code == ALLOCATION_FAILURE || code == OUT_OF_RESOURCES ||
                      code == OUT_OF_HOST_MEMORY || code == INVALID_BUFFER_SIZE;
  return dpc_fail(error, memory ? DPC_ERROR_MEMORY : DPC_ERROR_DEVICE,
                  "OpenCL device %d (%.60s): %.100s failed: %s (%d)", device->index,
                  device->name[0] != '\0' ? device->name : "not open", what, text_of(code), code);
}

/* All devices, GPUs first, or those of `shared`, a context. */
static dpc_status list_devices(const dpc_device *device, void *shared, void **list, int32_t *count,
                               dpc_error *error) {
  static const uint64_t types[] = {TYPE_GPU, TYPE_ACCELERATOR, TYPE_CPU};
  void *platforms[MOST_PLATFORMS];
  uint32_t n = 0;
  *count = 0;
  if (shared != NULL) {
    size_t bytes = 0;
    const int32_t code = of(device)->context_info(
        shared, CONTEXT_DEVICES, MOST_DEVICES * sizeof *list, (void *)list, &bytes);
    *count = (int32_t)(bytes / sizeof *list);
    return check(device, code, "the question for the devices of the context", error);
  }
  const int32_t code = of(device)->platforms(MOST_PLATFORMS, platforms, &n);
  if (code == NO_PLATFORM) return DPC_OK;
  if (code != SUCCESS) return check(device, code, "the question for platforms", error);
  if (n > MOST_PLATFORMS) n = MOST_PLATFORMS;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (uint32_t p = 0; p < n; p++) {
      uint32_t found = 0;
      const uint32_t room = (uint32_t)(MOST_DEVICES - *count);
      if (room == 0) return DPC_OK;
      /* a platform that fails has no devices for us: others may */
      if (of(device)->devices(platforms[p], types[t], room, list + *count, &found) == SUCCESS)
        *count += (int32_t)(found < room ? found : room);
    }
  return DPC_OK;
}

static dpc_status count_devices(const dpc_device *device, int32_t *count, dpc_error *error) {
  void *list[MOST_DEVICES];
  return list_devices(device, NULL, list, count, error);
}

static dpc_status describe(dpc_device *device, dpc_error *error) {
  uint64_t total = 0, most = 0, shared = 0, doubles = 0;
  uint32_t units = 1;
  const struct {
    uint32_t what;
    size_t size;
    void *to;
  } questions[] = {{DEVICE_NAME, sizeof device->name - 1, device->name},
                   {DEVICE_GLOBAL_MEM_SIZE, sizeof total, &total},
                   {DEVICE_MAX_MEM_ALLOC_SIZE, sizeof most, &most},
                   {DEVICE_LOCAL_MEM_SIZE, sizeof shared, &shared},
                   {DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units},
                   {DEVICE_DOUBLE_FP_CONFIG, sizeof doubles, &doubles}};
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    const int32_t code = of(device)->device_info(own(device)->device, questions[i].what,
                                                 questions[i].size, questions[i].to, NULL);
    if (code != SUCCESS && questions[i].what != DEVICE_DOUBLE_FP_CONFIG)
      return check(device, code, "a question about the device", error);
  }
  if (doubles == 0)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "OpenCL device %d (%.60s) has no double precision, which positions and sums "
                    "need. Choose another device",
                    device->index, device->name);
  strcpy(device->arch, "opencl");
  device->total_bytes = (size_t)total;
  device->most_bytes = (size_t)most;
  device->shared_bytes = (size_t)shared;
  device->multiprocessors = (int32_t)units;
  device->warp = 1; /* not to be relied on */
  return DPC_OK;
}

static dpc_status open_device(dpc_device *device, void *shared, dpc_error *error) {
  void *list[MOST_DEVICES];
  int32_t count = 0, code = SUCCESS;
  dpc_status status = list_devices(device, shared, list, &count, error);
  if (status != DPC_OK) return status;
  context *made = calloc(1, sizeof *made);
  if (made == NULL) return dpc_out_of_memory(error, sizeof *made);
  device->own = made;
  if (shared != NULL && device->index >= count) device->index = 0; /* it has that one only */
  if (device->index >= count)
    return dpc_fail(error, DPC_ERROR_DEVICE, "OpenCL device %d has gone", device->index);
  made->device = list[device->index];
  status = describe(device, error);
  if (status != DPC_OK) return status;
  if (shared != NULL) code = of(device)->retain_context(made->handle = shared);
  else made->handle = of(device)->create_context(NULL, 1, &made->device, NULL, NULL, &code);
  return check(device, code, "clCreateContext", error);
}

static void close_device(dpc_device *device) {
  context *mine = device->own;
  if (device->module != NULL) of(device)->release_program(device->module);
  if (mine != NULL && mine->handle != NULL) of(device)->release_context(mine->handle);
  free(mine);
}

static dpc_status enter(const dpc_device *device, dpc_error *error) {
  (void)device;
  (void)error;
  return DPC_OK;
}

static int32_t rank(const dpc_device *device, const char *arch) {
  (void)device;
  return strcmp(arch, "opencl") == 0;
}

/* The first lines of what the driver's compiler said. */
static dpc_status explain_build(const dpc_device *device, dpc_error *error) {
  char *log = calloc(1, 1 << 16);
  size_t used = 0;
  if (log != NULL)
    of(device)->build_info(device->module, own(device)->device, BUILD_LOG, (1 << 16) - 1, log,
                           &used);
  const dpc_status status =
      dpc_fail(error, DPC_ERROR_DEVICE,
               "OpenCL device %d (%.60s): its driver cannot compile the kernels:\n%.300s",
               device->index, device->name, log != NULL && log[0] != '\0' ? log : "(no reason)");
  free(log);
  return status;
}

static dpc_status load(dpc_device *device, const void *code, size_t bytes, const char *options,
                       dpc_error *error) {
  const char *text = code;
  void *target = own(device)->device;
  int32_t failed = SUCCESS;
  device->module = of(device)->create_program(own(device)->handle, 1, &text, &bytes, &failed);
  if (device->module == NULL || failed != SUCCESS)
    return check(device, failed, "clCreateProgramWithSource", error);
  failed = of(device)->build(device->module, 1, &target, options, NULL, NULL);
  if (failed == BUILD_FAILURE) return explain_build(device, error);
  return check(device, failed, "clBuildProgram", error);
}

static dpc_status get_kernel(const dpc_device *device, const char *name, dpc_kernel *kernel,
                             dpc_error *error) {
  int32_t code = SUCCESS;
  char what[128];
  snprintf(what, sizeof what, "clCreateKernel of %.80s", name);
  *kernel = (dpc_kernel){.name = name};
  kernel->handle = of(device)->create_kernel(device->module, name, &code);
  return check(device, code, what, error);
}

static void free_kernel(const dpc_device *device, dpc_kernel *kernel) {
  if (kernel->handle != NULL) of(device)->release_kernel(kernel->handle);
  *kernel = (dpc_kernel){0};
}

/* OpenCL does not say what is free, only what there is. */
static dpc_status free_bytes(const dpc_device *device, size_t *bytes, dpc_error *error) {
  (void)error;
  const size_t taken = __atomic_load_n(&device->taken, __ATOMIC_RELAXED);
  *bytes = taken < device->total_bytes ? device->total_bytes - taken : 0;
  return DPC_OK;
}

static dpc_status allocate(const dpc_device *device, size_t bytes, dpc_memory *memory,
                           dpc_error *error) {
  int32_t code = SUCCESS;
  if (bytes > device->most_bytes)
    return dpc_fail(error, DPC_ERROR_MEMORY, "%zu bytes are more than the %zu of one array", bytes,
                    device->most_bytes);
  void *made = of(device)->create_buffer(own(device)->handle, MEM_READ_WRITE, bytes, NULL, &code);
  *memory = (dpc_memory){.handle = (uintptr_t)made, .bytes = bytes};
  return check(device, code, "clCreateBuffer", error);
}

static void release(const dpc_device *device, dpc_memory *memory) {
  if (memory->handle != 0) of(device)->release_memory(object(memory->handle));
}

static dpc_status open_queue(dpc_device *device, dpc_queue *queue, dpc_error *error) {
  int32_t code = SUCCESS;
  queue->device = device;
  if (queue->borrowed) return DPC_OK;
  queue->handle = of(device)->create_queue(own(device)->handle, own(device)->device, 0, &code);
  return check(device, code, "clCreateCommandQueue", error);
}

static void close_queue(dpc_queue *queue) {
  if (queue->handle != NULL && !queue->borrowed) of(queue->device)->release_queue(queue->handle);
  queue->handle = NULL;
}

static dpc_status upload(dpc_queue *queue, const dpc_memory *to, const void *from, size_t bytes,
                         dpc_error *error) {
  if (bytes == 0) return DPC_OK;
  return check(
      queue->device,
      of(queue->device)->write(queue->handle, object(to->handle), 0, 0, bytes, from, 0, NULL, NULL),
      "clEnqueueWriteBuffer", error);
}

static dpc_status download(dpc_queue *queue, void *to, const dpc_memory *from, size_t bytes,
                           dpc_error *error) {
  if (bytes == 0) return DPC_OK;
  return check(
      queue->device,
      of(queue->device)->read(queue->handle, object(from->handle), 0, 0, bytes, to, 0, NULL, NULL),
      "clEnqueueReadBuffer", error);
}

static dpc_status zero(dpc_queue *queue, const dpc_memory *memory, size_t bytes, dpc_error *error) {
  static const uint8_t nothing[1];
  static const uint32_t nothing4[1];
  const bool words = bytes % sizeof nothing4 == 0;
  return check(queue->device,
               of(queue->device)
                   ->fill(queue->handle, object(memory->handle),
                          words ? (const void *)nothing4 : nothing,
                          words ? sizeof nothing4 : sizeof nothing, 0, bytes, 0, NULL, NULL),
               "clEnqueueFillBuffer", error);
}

static dpc_status copy(dpc_queue *queue, const dpc_memory *to, const dpc_memory *from, size_t bytes,
                       dpc_error *error) {
  return check(queue->device,
               of(queue->device)
                   ->copy(queue->handle, object(from->handle), object(to->handle), 0, 0, bytes, 0,
                          NULL, NULL),
               "clEnqueueCopyBuffer", error);
}

static int32_t set_arguments(const calls *call, const dpc_kernel *kernel, size_t shared,
                             const dpc_argument *arguments, int32_t count) {
  int32_t code = SUCCESS, i = 0;
  for (; i < count && code == SUCCESS; i++) {
    const dpc_argument *a = &arguments[i];
    void *memory = a->memory != NULL ? object(a->memory->handle) : NULL;
    if (a->value != NULL && a->memory == NULL)
      code = call->set_argument(kernel->handle, (uint32_t)i, a->size, a->value);
    else
      code = call->set_argument(kernel->handle, (uint32_t)i, sizeof memory,
                                memory != NULL ? (const void *)&memory : NULL);
  }
  if (shared > 0 && code == SUCCESS)
    code = call->set_argument(kernel->handle, (uint32_t)i, shared, NULL);
  return code;
}

static dpc_status launch(dpc_queue *queue, const dpc_kernel *kernel, const uint32_t grid[3],
                         const uint32_t block[3], size_t shared, const dpc_argument *arguments,
                         int32_t count, dpc_error *error) {
  const calls *call = of(queue->device);
  size_t global[3], local[3];
  for (int k = 0; k < 3; k++) {
    local[k] = block[k];
    global[k] = (size_t)grid[k] * block[k];
  }
  int32_t code = set_arguments(call, kernel, shared, arguments, count);
  if (code == SUCCESS)
    code = call->launch(queue->handle, kernel->handle, 3, NULL, global, local, 0, NULL, NULL);
  char what[128];
  snprintf(what, sizeof what, "the launch of %.80s", kernel->name);
  return check(queue->device, code, what, error);
}

static dpc_status wait(dpc_queue *queue, dpc_error *error) {
  return check(queue->device, of(queue->device)->finish(queue->handle), "clFinish", error);
}

const dpc_driver dpc_driver_opencl = {
    .name = "opencl",
    .title = "OpenCL",
    .library = "libOpenCL.so.1",
    .remedy = "Install the OpenCL driver of the device; for the CPU on Debian: "
              "apt-get install pocl-opencl-icd ocl-icd-libopencl1",
    .load_calls = load_calls,
    .count = count_devices,
    .open = open_device,
    .close = close_device,
    .enter = enter,
    .rank = rank,
    .load = load,
    .get_kernel = get_kernel,
    .free_kernel = free_kernel,
    .free_bytes = free_bytes,
    .allocate = allocate,
    .release = release,
    .open_queue = open_queue,
    .close_queue = close_queue,
    .upload = upload,
    .download = download,
    .zero = zero,
    .copy = copy,
    .launch = launch,
    .wait = wait};
