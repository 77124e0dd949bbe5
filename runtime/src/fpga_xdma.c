/* Xilinx's PCIe driver: three character devices, <where>_user, <where>_h2c_0, <where>_c2h_0. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fpga.h"

#define USUAL "/dev/xdma0"
#define MEMORY_BYTES (UINT64_C(1) << 32) /* the least that such boards have is four times that */

typedef struct card {
  int user, to, from;
} card;

static void xdma_close(void *handle) {
  card *c = handle;
  if (c->user >= 0) close(c->user);
  if (c->to >= 0) close(c->to);
  if (c->from >= 0) close(c->from);
  free(c);
}

static const char *remedy(int reason) {
  if (reason == EACCES || reason == EPERM)
    return "Let your user read and write the devices, for example by a rule of udev";
  return "Is the driver xdma loaded, and the board in?";
}

static dpc_status xdma_open(const char *where, void **out, uint64_t *base, dpc_error *error) {
  const struct {
    const char *end;
    int flags;
  } files[] = {{"user", O_RDWR}, {"h2c_0", O_WRONLY}, {"c2h_0", O_RDONLY}};
  card *c = malloc(sizeof *c);
  if (c == NULL) return dpc_out_of_memory(error, sizeof *c);
  *c = (card){-1, -1, -1};
  int *const descriptors[] = {&c->user, &c->to, &c->from};
  for (int i = 0; i < 3; i++) {
    char path[256];
    snprintf(path, sizeof path, "%.200s_%s", where != NULL ? where : USUAL, files[i].end);
    *descriptors[i] = open(path, files[i].flags | O_CLOEXEC);
    if (*descriptors[i] < 0) {
      const dpc_status s = dpc_fail(error, DPC_ERROR_DEVICE, "xdma: %s: %s. %s", path,
                                    strerror(errno), remedy(errno));
      xdma_close(c);
      return s;
    }
  }
  /* the lock goes with the descriptor, however the process ends */
  if (flock(c->user, LOCK_EX | LOCK_NB) != 0) {
    const dpc_status s =
        dpc_fail(error, DPC_ERROR_DEVICE,
                 "xdma: another process uses %.200s: one card serves one process. Use another "
                 "card, or fewer ranks",
                 where != NULL ? where : USUAL);
    xdma_close(c);
    return s;
  }
  *out = c;
  *base = 0;
  return DPC_OK;
}

/* All bytes or an error: what is written or read short is gone on with, nothing at all is not. */
static dpc_status move(int file, uint64_t addr, void *in, const void *from, size_t size,
                       const char *what, dpc_error *error) {
  for (size_t done = 0; done < size;) {
    const off_t at = (off_t)(addr + done);
    const ssize_t n = in != NULL ? pread(file, (char *)in + done, size - done, at)
                                 : pwrite(file, (const char *)from + done, size - done, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return dpc_fail(
          error, DPC_ERROR_DEVICE, "xdma: %s of %zu bytes at 0x%llx ended after %zu: %s", what,
          size, (unsigned long long)addr, done, n < 0 ? strerror(errno) : "nothing more came");
    done += (size_t)n;
  }
  return DPC_OK;
}

static dpc_status xdma_reg_read(void *handle, uint32_t addr, uint32_t *value, dpc_error *error) {
  return move(((card *)handle)->user, addr, value, NULL, sizeof *value, "a register read", error);
}

static dpc_status xdma_reg_write(void *handle, uint32_t addr, uint32_t value, dpc_error *error) {
  return move(((card *)handle)->user, addr, NULL, &value, sizeof value, "a register write", error);
}

static dpc_status xdma_dma_write(void *handle, uint64_t addr, const void *data, size_t size,
                                 dpc_error *error) {
  return move(((card *)handle)->to, addr, NULL, data, size, "a transfer to the card", error);
}

static dpc_status xdma_dma_read(void *handle, uint64_t addr, void *data, size_t size,
                                dpc_error *error) {
  return move(((card *)handle)->from, addr, data, NULL, size, "a transfer from the card", error);
}

const dpc_fpga_transport dpc_fpga_xdma = {
    "xdma",        1.0,           MEMORY_BYTES,   xdma_open,
    xdma_close,    xdma_reg_read, xdma_reg_write, xdma_dma_write,
    xdma_dma_read, dpc_fpga_pause};
