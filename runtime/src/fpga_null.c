/* A card that answers every job at once with zeros: what is left is the host's own time. */
#include <stdlib.h>
#include <string.h>

#include "fpga.h"
#include "fpga_regs.h"

enum { ID = 0x31435044, START = 1 };

static dpc_status null_open(const char *where, void **out, uint64_t *base, dpc_error *error) {
  (void)where;
  uint32_t *done = calloc(1, sizeof *done); /* all there is to a card */
  if (done == NULL) return dpc_out_of_memory(error, sizeof *done);
  *out = done;
  *base = 0;
  return DPC_OK;
}

static void null_close(void *card) { free(card); }

static dpc_status null_reg_read(void *card, uint32_t addr, uint32_t *value, dpc_error *error) {
  (void)error;
  *value = addr == DPC_REG_ID ? ID : addr == DPC_REG_DONE ? *(uint32_t *)card : 0;
  return DPC_OK;
}

static dpc_status null_reg_write(void *card, uint32_t addr, uint32_t value, dpc_error *error) {
  (void)error;
  if (addr == DPC_REG_CONTROL && value & START) ++*(uint32_t *)card;
  return DPC_OK;
}

static dpc_status null_dma_write(void *card, uint64_t addr, const void *data, size_t size,
                                 dpc_error *error) {
  (void)card, (void)addr, (void)data, (void)size, (void)error;
  return DPC_OK;
}

static dpc_status null_dma_read(void *card, uint64_t addr, void *data, size_t size,
                                dpc_error *error) {
  (void)card, (void)addr, (void)error;
  memset(data, 0, size);
  return DPC_OK;
}

static dpc_status null_wait(void *card, double *waited, dpc_error *error) {
  (void)card, (void)waited, (void)error;
  return DPC_OK;
}

const dpc_fpga_transport dpc_fpga_null = {
    "null",         1.0,           UINT64_MAX, null_open, null_close, null_reg_read, null_reg_write,
    null_dma_write, null_dma_read, null_wait};
