/* CUDA by the driver API: libcuda.so.1, which comes with NVIDIA's driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_native.h"

/* values of cuda.h */
enum {
  WARP_SIZE = 10,
  MULTIPROCESSOR_COUNT = 16,
  CAPABILITY_MAJOR = 75,
  CAPABILITY_MINOR = 76,
  SHARED_PER_BLOCK_OPTIN = 97,
  ERROR_LOG = 5,
  ERROR_LOG_BYTES = 6
};

static const dpc_symbol symbols[] = {
    DPC_NATIVE_SYMBOL("cuInit", init),
    DPC_NATIVE_SYMBOL("cuDeviceGetCount", count),
    DPC_NATIVE_SYMBOL("cuDeviceGet", get_device),
    DPC_NATIVE_SYMBOL("cuDeviceGetName", get_name),
    DPC_NATIVE_SYMBOL("cuDeviceTotalMem_v2", total),
    DPC_NATIVE_SYMBOL("cuDeviceGetAttribute", attribute),
    DPC_NATIVE_SYMBOL("cuMemGetInfo_v2", memory_info),
    DPC_NATIVE_SYMBOL("cuMemAlloc_v2", allocate),
    DPC_NATIVE_SYMBOL("cuMemFree_v2", free),
    DPC_NATIVE_SYMBOL("cuMemcpyHtoDAsync_v2", upload),
    DPC_NATIVE_SYMBOL("cuMemcpyDtoHAsync_v2", download),
    DPC_NATIVE_SYMBOL("cuMemcpyDtoDAsync_v2", copy),
    DPC_NATIVE_SYMBOL("cuMemsetD8Async", fill),
    DPC_NATIVE_SYMBOL("cuModuleLoadDataEx", load_explained),
    DPC_NATIVE_SYMBOL("cuModuleUnload", unload),
    DPC_NATIVE_SYMBOL("cuModuleGetFunction", get_function),
    DPC_NATIVE_SYMBOL("cuFuncSetAttribute", set_attribute),
    DPC_NATIVE_SYMBOL("cuLaunchKernel", launch),
    DPC_NATIVE_SYMBOL("cuStreamCreate", create_stream),
    DPC_NATIVE_SYMBOL("cuStreamDestroy_v2", destroy_stream),
    DPC_NATIVE_SYMBOL("cuStreamSynchronize", synchronize),
    DPC_NATIVE_OPTIONAL("cuStreamBeginCapture_v2", begin_capture),
    DPC_NATIVE_OPTIONAL("cuStreamEndCapture", end_capture),
    DPC_NATIVE_OPTIONAL("cuGraphInstantiateWithFlags", instantiate),
    DPC_NATIVE_OPTIONAL("cuGraphLaunch", launch_graph),
    DPC_NATIVE_OPTIONAL("cuGraphExecDestroy", destroy_exec),
    DPC_NATIVE_OPTIONAL("cuGraphDestroy", destroy_graph),
    DPC_NATIVE_SYMBOL("cuDevicePrimaryCtxRetain", retain),
    DPC_NATIVE_SYMBOL("cuDevicePrimaryCtxRelease_v2", release),
    DPC_NATIVE_SYMBOL("cuCtxSetCurrent", set_current),
    DPC_NATIVE_SYMBOL("cuGetErrorName", error_name),
    DPC_NATIVE_SYMBOL("cuGetErrorString", error_text)};

typedef struct context {
  int number;
  void *handle;
  int capability; /* 90 for 9.0 */
} context;

static const context *own(const dpc_device *device) { return device->own; }

static const void *load_calls(void *library, const char **missing) {
  return dpc_native_load_calls(library, symbols, sizeof symbols / sizeof *symbols, missing);
}

static dpc_status enter(const dpc_device *device, dpc_error *error) {
  return dpc_native_check(device, dpc_native(device)->set_current(own(device)->handle),
                          "cuCtxSetCurrent", error);
}

static dpc_status open_device(dpc_device *device, void *shared, dpc_error *error) {
  (void)shared; /* the primary context is everybody's */
  const dpc_native_calls *call = dpc_native(device);
  context *made = calloc(1, sizeof *made);
  if (made == NULL) return dpc_out_of_memory(error, sizeof *made);
  device->own = made;
  dpc_status status = dpc_native_check(device, call->get_device(&made->number, device->index),
                                       "cuDeviceGet", error);
  if (status == DPC_OK)
    status = dpc_native_describe(device, made->number, MULTIPROCESSOR_COUNT, WARP_SIZE,
                                 SHARED_PER_BLOCK_OPTIN, error);
  if (status != DPC_OK) return status;
  int major = 0, minor = 0;
  int32_t code = call->attribute(&major, CAPABILITY_MAJOR, made->number);
  if (code == 0) code = call->attribute(&minor, CAPABILITY_MINOR, made->number);
  made->capability = 10 * major + minor;
  snprintf(device->arch, sizeof device->arch, "sm_%d", made->capability);
  status = dpc_native_check(device, code, "a question about the device", error);
  if (status == DPC_OK)
    status = dpc_native_check(device, call->retain(&made->handle, made->number),
                              "cuDevicePrimaryCtxRetain", error);
  return status == DPC_OK ? enter(device, error) : status;
}

static void close_device(dpc_device *device) {
  context *mine = device->own;
  if (mine != NULL && mine->handle != NULL) {
    enter(device, NULL);
    if (device->module != NULL) dpc_native(device)->unload(device->module);
    dpc_native(device)->release(mine->number);
  }
  free(mine);
}

/* Machine code runs on its own generation from its own version on, "a" code on its own
 * version only; PTX on every later device, after a compilation by the driver. */
static int32_t rank(const dpc_device *device, const char *arch) {
  const int here = own(device)->capability;
  const bool ptx = strncmp(arch, "compute_", 8) == 0;
  if (!ptx && strncmp(arch, "sm_", 3) != 0) return 0;
  char *suffix;
  const int version = (int)strtol(arch + (ptx ? 8 : 3), &suffix, 10);
  if (*suffix == 'a') return version == here ? 3000 + version : 0;
  if (version <= 0 || version > here) return 0;
  if (ptx) return version;
  return version / 10 == here / 10 ? 1000 + version : 0;
}

static dpc_status load(dpc_device *device, const void *code, size_t bytes, const char *options,
                       dpc_error *error) {
  (void)options;
  char log[300] = "";
  int which[] = {ERROR_LOG, ERROR_LOG_BYTES};
  void *values[] = {log, (void *)(uintptr_t)(sizeof log - 1)};
  char *image = malloc(bytes + 1); /* PTX is a string and has to end */
  if (image == NULL) return dpc_out_of_memory(error, bytes + 1);
  memcpy(image, code, bytes);
  image[bytes] = '\0';
  const int32_t failed =
      dpc_native(device)->load_explained(&device->module, image, 2, which, values);
  free(image);
  if (failed == 0) return DPC_OK;
  device->module = NULL;
  char what[400] = "the loading of the kernels";
  if (log[0] != '\0') snprintf(what, sizeof what, "the loading of the kernels (%.60s)", log);
  return dpc_native_check(device, failed, what, error);
}

const dpc_driver dpc_driver_cuda = {
    .name = "cuda",
    .title = "CUDA",
    .library = "libcuda.so.1",
    .remedy = "Install NVIDIA's driver, which brings it, or use a package for --target cpu",
    .load_calls = load_calls,
    .open = open_device,
    .close = close_device,
    .enter = enter,
    .rank = rank,
    .load = load,
    DPC_NATIVE_FUNCTIONS};
