/* Xilinx's runtime: its C interface, opened at run time. `where` is "device:file.xclbin". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "fpga.h"

enum { TO_CARD = 0, FROM_CARD = 1, UUID_BYTES = 16 };
#define LIBRARY "libxrt_coreutil.so.2"
#define KERNEL "dp_top"
#define MEMORY_BYTES (UINT64_C(1) << 29)

typedef struct card {
  void *library, *device, *kernel, *memory;
  void *(*device_open)(unsigned);
  int (*device_close)(void *);
  int (*load)(void *, const char *);
  int (*uuid)(void *, unsigned char *);
  void *(*kernel_open)(void *, const unsigned char *, const char *);
  int (*kernel_close)(void *);
  int (*group)(void *, int);
  int (*reg_read)(void *, uint32_t, uint32_t *);
  int (*reg_write)(void *, uint32_t, uint32_t);
  void *(*alloc)(void *, size_t, unsigned, unsigned);
  int (*release)(void *);
  uint64_t (*address)(void *);
  int (*sync)(void *, int, size_t, size_t);
  int (*write)(void *, const void *, size_t, size_t);
  int (*read)(void *, void *, size_t, size_t);
} card;

static void xrt_close(void *handle) {
  card *c = handle;
  if (c->memory != NULL) c->release(c->memory);
  if (c->kernel != NULL) c->kernel_close(c->kernel);
  if (c->device != NULL) c->device_close(c->device);
  if (c->library != NULL) dlclose(c->library);
  free(c);
}

static dpc_status find_functions(card *c, dpc_error *error) {
  const struct {
    const char *name;
    void *to;
  } symbols[] = {
      {"xrtDeviceOpen", &c->device_open},
      {"xrtDeviceClose", &c->device_close},
      {"xrtDeviceLoadXclbinFile", &c->load},
      {"xrtDeviceGetXclbinUUID", &c->uuid},
      {"xrtPLKernelOpenExclusive", &c->kernel_open},
      {"xrtKernelClose", &c->kernel_close},
      {"xrtKernelArgGroupId", &c->group},
      {"xrtKernelReadRegister", &c->reg_read},
      {"xrtKernelWriteRegister", &c->reg_write},
      {"xrtBOAlloc", &c->alloc},
      {"xrtBOFree", &c->release},
      {"xrtBOAddress", &c->address},
      {"xrtBOSync", &c->sync},
      {"xrtBOWrite", &c->write},
      {"xrtBORead", &c->read},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    *(void **)symbols[i].to = dlsym(c->library, symbols[i].name);
    if (*(void **)symbols[i].to == NULL)
      return dpc_fail(error, DPC_ERROR_DEVICE, "%s has no function %s", LIBRARY, symbols[i].name);
  }
  return DPC_OK;
}

static dpc_status find_card(card *c, const char *where, uint64_t *base, dpc_error *error) {
  char *file = NULL;
  const unsigned long number = where != NULL ? strtoul(where, &file, 10) : 0;
  if (file == NULL || *file != ':')
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "xrt: '%.100s': expected the number of a device and a bitstream, as in "
                    "0:circuit.xclbin",
                    where != NULL ? where : "");
  c->device = c->device_open((unsigned)number);
  if (c->device == NULL)
    return dpc_fail(error, DPC_ERROR_DEVICE, "xrt: there is no device %lu", number);
  unsigned char uuid[UUID_BYTES];
  if (c->load(c->device, file + 1) != 0 || c->uuid(c->device, uuid) != 0)
    return dpc_fail(error, DPC_ERROR_DEVICE, "xrt: device %lu does not load %.200s", number,
                    file + 1);
  c->kernel = c->kernel_open(c->device, uuid, KERNEL);
  if (c->kernel == NULL)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "xrt: %.200s has no kernel %s, or another process uses it", file + 1, KERNEL);
  c->memory = c->alloc(c->device, MEMORY_BYTES, 0, (unsigned)c->group(c->kernel, 0));
  if (c->memory == NULL)
    return dpc_fail(error, DPC_ERROR_DEVICE, "xrt: device %lu has no %llu MiB to give", number,
                    (unsigned long long)(MEMORY_BYTES >> 20));
  *base = c->address(c->memory);
  return DPC_OK;
}

static dpc_status xrt_open(const char *where, void **out, uint64_t *base, dpc_error *error) {
  card *c = calloc(1, sizeof *c);
  if (c == NULL) return dpc_out_of_memory(error, sizeof *c);
  c->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  dpc_status s = DPC_OK;
  if (c->library == NULL)
    s = dpc_fail(error, DPC_ERROR_DEVICE, "Xilinx's runtime is not here: %s", dlerror());
  if (s == DPC_OK) s = find_functions(c, error);
  if (s == DPC_OK) s = find_card(c, where, base, error);
  if (s != DPC_OK) xrt_close(c);
  else *out = c;
  return s;
}

static dpc_status check(int result, const char *what, dpc_error *error) {
  if (result == 0) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_DEVICE, "xrt: %s fails: error %d", what, result);
}

static dpc_status xrt_reg_read(void *handle, uint32_t addr, uint32_t *value, dpc_error *error) {
  card *c = handle;
  return check(c->reg_read(c->kernel, addr, value), "a register read", error);
}

static dpc_status xrt_reg_write(void *handle, uint32_t addr, uint32_t value, dpc_error *error) {
  card *c = handle;
  return check(c->reg_write(c->kernel, addr, value), "a register write", error);
}

static dpc_status xrt_dma_write(void *handle, uint64_t addr, const void *data, size_t size,
                                dpc_error *error) {
  card *c = handle;
  int result = c->write(c->memory, data, size, addr);
  if (result == 0) result = c->sync(c->memory, TO_CARD, size, addr);
  return check(result, "a transfer to the card", error);
}

static dpc_status xrt_dma_read(void *handle, uint64_t addr, void *data, size_t size,
                               dpc_error *error) {
  card *c = handle;
  int result = c->sync(c->memory, FROM_CARD, size, addr);
  if (result == 0) result = c->read(c->memory, data, size, addr);
  return check(result, "a transfer from the card", error);
}

const dpc_fpga_transport dpc_fpga_xrt = {"xrt",        1.0,           MEMORY_BYTES,  xrt_open,
                                         xrt_close,    xrt_reg_read,  xrt_reg_write, xrt_dma_write,
                                         xrt_dma_read, dpc_fpga_pause};
