/* HIP: libamdhip64.so of AMD's ROCm 5 or later. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_native.h"

/* values of hip_runtime_api.h, the same from ROCm 5.2 to 7 */
enum {
  MULTIPROCESSOR_COUNT = 63,
  SHARED_PER_BLOCK = 74,
  WARP_SIZE = 87,
  PROPERTIES_BYTES = 8192 /* more than hipDeviceProp_t of any version */
};

static const dpc_symbol symbols[] = {
    DPC_NATIVE_SYMBOL("hipInit", init),
    DPC_NATIVE_SYMBOL("hipGetDeviceCount", count),
    DPC_NATIVE_SYMBOL("hipDeviceGet", get_device),
    DPC_NATIVE_SYMBOL("hipDeviceGetName", get_name),
    DPC_NATIVE_SYMBOL("hipDeviceTotalMem", total),
    DPC_NATIVE_SYMBOL("hipDeviceGetAttribute", attribute),
    DPC_NATIVE_SYMBOL("hipGetDeviceProperties", properties),
    DPC_NATIVE_SYMBOL("hipMemGetInfo", memory_info),
    DPC_NATIVE_SYMBOL("hipMalloc", allocate),
    DPC_NATIVE_SYMBOL("hipFree", free),
    DPC_NATIVE_SYMBOL("hipMemcpyHtoDAsync", upload),
    DPC_NATIVE_SYMBOL("hipMemcpyDtoHAsync", download),
    DPC_NATIVE_SYMBOL("hipMemcpyDtoDAsync", copy),
    DPC_NATIVE_SYMBOL("hipMemsetD8Async", fill),
    DPC_NATIVE_SYMBOL("hipModuleLoadData", load),
    DPC_NATIVE_SYMBOL("hipModuleUnload", unload),
    DPC_NATIVE_SYMBOL("hipModuleGetFunction", get_function),
    DPC_NATIVE_SYMBOL("hipModuleLaunchKernel", launch),
    DPC_NATIVE_SYMBOL("hipStreamCreateWithFlags", create_stream),
    DPC_NATIVE_SYMBOL("hipStreamDestroy", destroy_stream),
    DPC_NATIVE_SYMBOL("hipStreamSynchronize", synchronize),
    DPC_NATIVE_OPTIONAL("hipStreamBeginCapture", begin_capture),
    DPC_NATIVE_OPTIONAL("hipStreamEndCapture", end_capture),
    DPC_NATIVE_OPTIONAL("hipGraphInstantiateWithFlags", instantiate),
    DPC_NATIVE_OPTIONAL("hipGraphLaunch", launch_graph),
    DPC_NATIVE_OPTIONAL("hipGraphExecDestroy", destroy_exec),
    DPC_NATIVE_OPTIONAL("hipGraphDestroy", destroy_graph),
    DPC_NATIVE_SYMBOL("hipSetDevice", set_device),
    DPC_NATIVE_SYMBOL("hipGetErrorString", error_string)};

static const void *load_calls(void *library, const char **missing) {
  return dpc_native_load_calls(library, symbols, sizeof symbols / sizeof *symbols, missing);
}

static dpc_status enter(const dpc_device *device, dpc_error *error) {
  return dpc_native_check(device, dpc_native(device)->set_device(device->index), "hipSetDevice",
                          error);
}

/* "gfx90a" of a device. The struct that says it has another layout in every version of ROCm,
 * but the name is the only text in it that starts like that. */
static dpc_status find_arch(dpc_device *device, dpc_error *error) {
  char *facts = calloc(1, PROPERTIES_BYTES);
  if (facts == NULL) return dpc_out_of_memory(error, PROPERTIES_BYTES);
  const dpc_status status =
      dpc_native_check(device, dpc_native(device)->properties(facts, device->index),
                       "hipGetDeviceProperties", error);
  size_t used = 0;
  for (size_t i = 0; i + 8 < PROPERTIES_BYTES && used == 0; i++)
    if (memcmp(facts + i, "gfx", 3) == 0 && isdigit((unsigned char)facts[i + 3]))
      while (isalnum((unsigned char)facts[i + used]) && used + 1 < sizeof device->arch) {
        device->arch[used] = facts[i + used];
        used++;
      }
  free(facts);
  return status;
}

static dpc_status open_device(dpc_device *device, void *shared, dpc_error *error) {
  (void)shared; /* HIP has one context for a device */
  int number = 0;
  dpc_status status = dpc_native_check(
      device, dpc_native(device)->get_device(&number, device->index), "hipDeviceGet", error);
  if (status == DPC_OK)
    status = dpc_native_describe(device, number, MULTIPROCESSOR_COUNT, WARP_SIZE, SHARED_PER_BLOCK,
                                 error);
  if (status == DPC_OK) status = find_arch(device, error);
  return status == DPC_OK ? enter(device, error) : status;
}

static void close_device(dpc_device *device) {
  if (device->module == NULL) return;
  enter(device, NULL);
  dpc_native(device)->unload(device->module);
}

/* Code runs on its own architecture only. A device that does not say which tries all. */
static int32_t rank(const dpc_device *device, const char *arch) {
  if (strncmp(arch, "gfx", 3) != 0) return 0;
  return device->arch[0] == '\0' || strcmp(device->arch, arch) == 0;
}

static dpc_status load(dpc_device *device, const void *code, size_t bytes, const char *options,
                       dpc_error *error) {
  (void)bytes;
  (void)options;
  const int32_t failed = dpc_native(device)->load(&device->module, code);
  if (failed != 0) device->module = NULL;
  return dpc_native_check(device, failed, "the loading of the kernels", error);
}

const dpc_driver dpc_driver_hip = {
    .name = "hip",
    .title = "HIP",
    .library = "libamdhip64.so libamdhip64.so.7 libamdhip64.so.6 libamdhip64.so.5",
    .remedy = "Install AMD's ROCm, which brings it, or use a package for --target cpu",
    .load_calls = load_calls,
    .open = open_device,
    .close = close_device,
    .enter = enter,
    .rank = rank,
    .load = load,
    DPC_NATIVE_FUNCTIONS};
