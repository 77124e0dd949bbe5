/* libxrt_coreutil.so.2 over the simulated circuit: what runtime/src/fpga_xrt.c calls of XRT.
 *
 * FAKE_XRT_DEVICES: how many there are (1). The memory of the card has an address that is not 0,
 * and what was written to a buffer is on the card only after it was synchronized.
 */
#define _GNU_SOURCE
#include "fake_card.h"

#define EXPORT __attribute__((visibility("default")))

enum { TO_CARD = 0, FROM_CARD = 1 };
static const uint64_t BASE = UINT64_C(0x4000000000);

typedef struct buffer {
  uint8_t *host;
  size_t size;
} buffer;

static fake_card card;
static int is_open, has_code, has_kernel;

EXPORT void *xrtDeviceOpen(unsigned index);
EXPORT void *xrtDeviceOpen(unsigned index) {
  const char *count = getenv("FAKE_XRT_DEVICES");
  if (index >= (unsigned)(count != NULL ? atoi(count) : 1) || is_open) return NULL;
  fake_open(&card);
  is_open = 1;
  return &card;
}

EXPORT int xrtDeviceClose(void *device);
EXPORT int xrtDeviceClose(void *device) {
  (void)device;
  card.close(card.sim);
  is_open = has_code = 0;
  return 0;
}

EXPORT int xrtDeviceLoadXclbinFile(void *device, const char *path);
EXPORT int xrtDeviceLoadXclbinFile(void *device, const char *path) {
  (void)device;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  fclose(file);
  has_code = 1;
  return 0;
}

EXPORT int xrtDeviceGetXclbinUUID(void *device, unsigned char *uuid);
EXPORT int xrtDeviceGetXclbinUUID(void *device, unsigned char *uuid) {
  (void)device;
  memset(uuid, 7, 16);
  return has_code ? 0 : -1;
}

EXPORT void *xrtPLKernelOpenExclusive(void *device, const unsigned char *uuid, const char *name);
EXPORT void *xrtPLKernelOpenExclusive(void *device, const unsigned char *uuid, const char *name) {
  if (has_kernel || uuid[0] != 7 || strcmp(name, "dp_top") != 0) return NULL;
  has_kernel = 1;
  return device;
}

EXPORT int xrtKernelClose(void *kernel);
EXPORT int xrtKernelClose(void *kernel) {
  (void)kernel;
  has_kernel = 0;
  return 0;
}

EXPORT int xrtKernelArgGroupId(void *kernel, int argument);
EXPORT int xrtKernelArgGroupId(void *kernel, int argument) {
  (void)kernel;
  return argument == 0 ? 3 : -1;
}

EXPORT int xrtKernelReadRegister(void *kernel, uint32_t addr, uint32_t *value);
EXPORT int xrtKernelReadRegister(void *kernel, uint32_t addr, uint32_t *value) {
  (void)kernel;
  return fake_reg_read(&card, addr, value);
}

EXPORT int xrtKernelWriteRegister(void *kernel, uint32_t addr, uint32_t value);
EXPORT int xrtKernelWriteRegister(void *kernel, uint32_t addr, uint32_t value) {
  (void)kernel;
  return fake_reg_write(&card, addr, value);
}

EXPORT void *xrtBOAlloc(void *device, size_t size, unsigned flags, unsigned group);
EXPORT void *xrtBOAlloc(void *device, size_t size, unsigned flags, unsigned group) {
  (void)device;
  if (flags != 0 || group != 3) return NULL;
  buffer *b = malloc(sizeof *b);
  b->host = calloc(size, 1);
  b->size = size;
  return b;
}

EXPORT int xrtBOFree(void *handle);
EXPORT int xrtBOFree(void *handle) {
  free(((buffer *)handle)->host);
  free(handle);
  return 0;
}

EXPORT uint64_t xrtBOAddress(void *handle);
EXPORT uint64_t xrtBOAddress(void *handle) {
  (void)handle;
  return BASE;
}

static int outside(const buffer *b, size_t size, size_t offset) {
  return offset > b->size || size > b->size - offset;
}

EXPORT int xrtBOSync(void *handle, int direction, size_t size, size_t offset);
EXPORT int xrtBOSync(void *handle, int direction, size_t size, size_t offset) {
  buffer *b = handle;
  if (outside(b, size, offset)) return -22;
  if (fake_transfer(&card, size) < 0) return -5;
  if (direction == TO_CARD) card.dma_write(card.sim, BASE + offset, b->host + offset, size);
  else card.dma_read(card.sim, BASE + offset, b->host + offset, size);
  return 0;
}

EXPORT int xrtBOWrite(void *handle, const void *data, size_t size, size_t offset);
EXPORT int xrtBOWrite(void *handle, const void *data, size_t size, size_t offset) {
  buffer *b = handle;
  if (outside(b, size, offset)) return -22;
  memcpy(b->host + offset, data, size);
  return 0;
}

EXPORT int xrtBORead(void *handle, void *data, size_t size, size_t offset);
EXPORT int xrtBORead(void *handle, void *data, size_t size, size_t offset) {
  buffer *b = handle;
  if (outside(b, size, offset)) return -22;
  memcpy(data, b->host + offset, size);
  return 0;
}
