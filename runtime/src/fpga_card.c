/* A card: registers, jobs, its model. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, nanosleep */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fpga_commands.h"
#include "fpga_driver.h"
#include "fpga_regs.h"

enum { ID = 0x31435044, START = 1, RESET = 4, STATUS_UNKNOWN = 2, STATUS_BUS = 16 };

uint64_t dpc_fpga_results_at(const dpc_fpga *f, size_t slot) {
  const uint64_t size = ((uint64_t)f->circuit.atoms + DPC_FPGA_VIRIAL_WORDS) * DPC_FPGA_WORD;
  return slot * ((size + DPC_FPGA_PAGE - 1) / DPC_FPGA_PAGE * DPC_FPGA_PAGE);
}

uint64_t dpc_fpga_commands_at(const dpc_fpga *f) { return dpc_fpga_results_at(f, 2); }

static dpc_status put(dpc_fpga *f, uint32_t addr, uint32_t value, dpc_error *error) {
  return f->transport->reg_write(f->card, addr, value, error);
}

static dpc_status put_long(dpc_fpga *f, uint32_t addr, uint64_t value, dpc_error *error) {
  const dpc_status status = put(f, addr, (uint32_t)value, error);
  return status != DPC_OK ? status : put(f, addr + 4, (uint32_t)(value >> 32), error);
}

static dpc_status get(dpc_fpga *f, uint32_t addr, uint32_t *value, dpc_error *error) {
  return f->transport->reg_read(f->card, addr, value, error);
}

dpc_status dpc_fpga_start(dpc_fpga *f, uint64_t source, size_t words, uint64_t result,
                          size_t results, dpc_error *error) {
  dpc_status s = get(f, DPC_REG_DONE, &f->done, error);
  if (s == DPC_OK) s = put_long(f, DPC_REG_SOURCE_LOW, f->base + source, error);
  if (s == DPC_OK) s = put(f, DPC_REG_SOURCE_WORDS, (uint32_t)words, error);
  if (s == DPC_OK) s = put_long(f, DPC_REG_RESULT_LOW, f->base + result, error);
  if (s == DPC_OK) s = put(f, DPC_REG_RESULT_WORDS, (uint32_t)results, error);
  return s == DPC_OK ? put(f, DPC_REG_CONTROL, START, error) : s;
}

static dpc_status hung(dpc_fpga *f, dpc_error *error) {
  uint32_t state;
  const dpc_status s = get(f, DPC_REG_STATUS, &state, error);
  if (s != DPC_OK) return s;
  (void)put(f, DPC_REG_CONTROL, RESET, NULL);
  return dpc_fail(error, DPC_ERROR_DEVICE,
                  "%s: the card has not answered in %.3g s (status 0x%x) and has been reset. Try "
                  "again; if it stays so, load the bitstream again",
                  f->transport->name, f->circuit.timeout, (unsigned)state);
}

/* Waits for the job; a card that hangs is reset. */
dpc_status dpc_fpga_finish(dpc_fpga *f, dpc_error *error) {
  double waited = 0;
  for (;;) {
    uint32_t done;
    dpc_status s = get(f, DPC_REG_DONE, &done, error);
    if (s != DPC_OK) return s;
    if (done != f->done) break;
    if (waited > f->circuit.timeout) return hung(f, error);
    s = f->transport->wait(f->card, &waited, error);
    if (s != DPC_OK) return s;
  }
  uint32_t state;
  const dpc_status s = get(f, DPC_REG_STATUS, &state, error);
  if (s != DPC_OK) return s;
  if (state & (STATUS_UNKNOWN | STATUS_BUS))
    return dpc_fail(error, DPC_ERROR_DEVICE, "%s: the card says %s (status 0x%x)",
                    f->transport->name,
                    state & STATUS_BUS ? "that its memory does not answer" : "unknown command",
                    (unsigned)state);
  return DPC_OK;
}

static dpc_status check_card(dpc_fpga *f, dpc_error *error) {
  uint32_t id = 0, low = 0, high = 0;
  dpc_status s = get(f, DPC_REG_ID, &id, error);
  if (s == DPC_OK) s = get(f, DPC_REG_HASH_LOW, &low, error);
  if (s == DPC_OK) s = get(f, DPC_REG_HASH_HIGH, &high, error);
  if (s != DPC_OK || f->transport == &dpc_fpga_null) return s;
  const uint64_t hash = (uint64_t)high << 32 | low;
  if (id != ID)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "%s: what answers is not a circuit of dpc: its ID is 0x%08x, not 0x%08x. Is "
                    "the bitstream loaded?",
                    f->transport->name, (unsigned)id, (unsigned)ID);
  if (hash != f->circuit.hash)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "%s: the card has another circuit: its hash is %016llx, the package needs "
                    "%016llx. Load the package's bitstream",
                    f->transport->name, (unsigned long long)hash,
                    (unsigned long long)f->circuit.hash);
  return DPC_OK;
}

dpc_status dpc_fpga_open(const dpc_fpga_transport *transport, const char *where,
                         const dpc_fpga_circuit *circuit, dpc_fpga **out, dpc_error *error) {
  dpc_fpga *f = calloc(1, sizeof *f);
  *out = NULL;
  if (f == NULL) return dpc_out_of_memory(error, sizeof *f);
  f->transport = transport;
  f->circuit = *circuit;
  if (circuit->timeout <= 0) f->circuit.timeout = transport->timeout;
  f->on_chip = -1;
  dpc_status s = transport->open(where, &f->card, &f->base, error);
  if (s == DPC_OK) s = check_card(f, error);
  if (s != DPC_OK) {
    dpc_fpga_close(f);
    return s;
  }
  *out = f;
  return DPC_OK;
}

void dpc_fpga_close(dpc_fpga *f) {
  if (f == NULL) return;
  if (f->card != NULL) f->transport->close(f->card);
  dpc_fpga_free_blocks(&f->blocks);
  dpc_release(&f->records);
  dpc_release(&f->results);
  dpc_release(&f->commands);
  free(f);
}

dpc_status dpc_fpga_load(dpc_fpga *f, const uint64_t *words, size_t count, dpc_error *error) {
  const size_t pairs = (count + 1) / 2, all = pairs + 2;
  f->model = words;
  f->model_count = count;
  f->loaded = 0;
  f->on_chip = -1;
  f->blocks.count = 0; /* where their lists were, commands go now */
  if (dpc_fpga_commands_at(f) + all * DPC_FPGA_WORD > f->transport->memory)
    return dpc_fail(error, DPC_ERROR_LIMIT, "%s: the model has %zu bytes, the card's memory %llu",
                    f->transport->name, all * DPC_FPGA_WORD,
                    (unsigned long long)f->transport->memory);
  dpc_status s = dpc_reserve(&f->commands, all, DPC_FPGA_WORD, error);
  if (s != DPC_OK) return s;
  uint64_t *to = dpc_fpga_header(f->commands.data, DPC_FPGA_LOAD, pairs);
  memcpy(to, words, count * sizeof *words);
  if (count % 2) to[count] = UINT64_MAX; /* loads nothing */
  /* a card that was stopped has sums left over: they are read, and so cleared */
  dpc_fpga_header(to + 2 * pairs, DPC_FPGA_READ | DPC_FPGA_READ_VIRIAL, (size_t)f->circuit.atoms);
  s = put(f, DPC_REG_CONTROL, RESET, error);
  if (s == DPC_OK)
    s = f->transport->dma_write(f->card, dpc_fpga_commands_at(f), f->commands.data,
                                all * DPC_FPGA_WORD, error);
  if (s == DPC_OK)
    s = dpc_fpga_start(f, dpc_fpga_commands_at(f), all, dpc_fpga_results_at(f, 0),
                       (size_t)f->circuit.atoms + DPC_FPGA_VIRIAL_WORDS, error);
  if (s == DPC_OK) s = dpc_fpga_finish(f, error);
  f->loaded = s == DPC_OK;
  return s;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

dpc_status dpc_fpga_pause(void *card, double *waited, dpc_error *error) {
  /* a sleep takes 50 µs more than asked for: too much for a short job */
  static const double spin = 2e-6, patience = 1e-3;
  const double began = now();
  (void)card, (void)error;
  if (*waited < patience) {
    while (now() - began < spin) {}
  } else {
    const struct timespec pause = {0, 50000};
    nanosleep(&pause, NULL);
  }
  *waited += now() - began;
  return DPC_OK;
}
