/* fake_card.h: the simulated circuit behind a driver that pretends to reach a board, and its
 * faults. FAKE_CARD_SIM names the libdp_sim.so; FAKE_CARD_FAULT is one of
 *
 *   hang      jobs never end
 *   hang-once the second job does not end, those after a reset do
 *   hash      the register HASH_LOW reads something else
 *   short     transfers move at most 4099 bytes at a time
 *   fail:N    the N-th transfer and all after it fail
 */
#ifndef DPC_TESTS_FAKE_CARD_H
#define DPC_TESTS_FAKE_CARD_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpga_regs.h"

enum { FAKE_CYCLES = 2000, FAKE_RESET = 4 }; /* clocks that pass when DONE is read */

typedef struct fake_card {
  void *sim;
  int (*reg_read)(void *, uint32_t, uint32_t *);
  int (*reg_write)(void *, uint32_t, uint32_t);
  void (*dma_write)(void *, uint64_t, const void *, uint64_t);
  void (*dma_read)(void *, uint64_t, void *, uint64_t);
  void (*run)(void *, uint64_t);
  void (*close)(void *);
  const char *fault;
  int jobs, transfers;
  uint32_t seen_done;
} fake_card;

static inline void *fake_symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "fake card: no %s\n", name);
    abort();
  }
  return found;
}

static inline void fake_open(fake_card *c) {
  const char *path = getenv("FAKE_CARD_SIM");
  void *library = dlopen(path != NULL ? path : "", RTLD_NOW | RTLD_LOCAL), *open;
  if (library == NULL) {
    fprintf(stderr, "fake card: FAKE_CARD_SIM: %s\n", dlerror());
    abort();
  }
  const struct {
    const char *name;
    void *to;
  } symbols[] = {{"dp_sim_open", &open},
                 {"dp_sim_close", &c->close},
                 {"dp_sim_reg_read", &c->reg_read},
                 {"dp_sim_reg_write", &c->reg_write},
                 {"dp_sim_dma_write", &c->dma_write},
                 {"dp_sim_dma_read", &c->dma_read},
                 {"dp_sim_run", &c->run}};
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
    *(void **)symbols[i].to = fake_symbol(library, symbols[i].name);
  void *(*start)(const char *);
  memcpy(&start, &open, sizeof start);
  c->sim = start(NULL);
  c->fault = getenv("FAKE_CARD_FAULT");
  if (c->fault == NULL) c->fault = "";
  c->jobs = c->transfers = 0;
}

static inline int fake_hangs(const fake_card *c) {
  return strcmp(c->fault, "hang") == 0 || (strcmp(c->fault, "hang-once") == 0 && c->jobs == 2);
}

static inline int fake_reg_read(fake_card *c, uint32_t addr, uint32_t *value) {
  if (addr == DPC_REG_DONE && fake_hangs(c)) {
    *value = c->seen_done;
    return 0;
  }
  if (addr == DPC_REG_DONE) c->run(c->sim, FAKE_CYCLES);
  const int result = c->reg_read(c->sim, addr, value);
  if (addr == DPC_REG_DONE) c->seen_done = *value;
  if (addr == DPC_REG_HASH_LOW && strcmp(c->fault, "hash") == 0) *value ^= 1;
  return result;
}

static inline int fake_reg_write(fake_card *c, uint32_t addr, uint32_t value) {
  if (addr == DPC_REG_CONTROL && value == 1) {
    c->jobs++;
    if (fake_hangs(c)) return 0; /* nothing starts */
  }
  return c->reg_write(c->sim, addr, value);
}

/* Bytes that the next transfer of `size` moves; -1: it fails. */
static inline int64_t fake_transfer(fake_card *c, size_t size) {
  enum { SHORT = 4099 };
  c->transfers++;
  if (strncmp(c->fault, "fail:", 5) == 0 && c->transfers >= atoi(c->fault + 5)) return -1;
  if (strcmp(c->fault, "short") == 0 && size > SHORT) return SHORT;
  return (int64_t)size;
}

#endif
