/* The simulated circuit: libdp_sim.so, as dpc/backends/fpga/simulator.py makes it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "fpga.h"

enum { POLL_CYCLES = 256, CLOCK = 250000000 }; /* a wait is that many clocks; 1/s */

typedef struct card {
  void *library, *sim;
  void (*close)(void *);
  int (*reg_read)(void *, uint32_t, uint32_t *);
  int (*reg_write)(void *, uint32_t, uint32_t);
  void (*dma_write)(void *, uint64_t, const void *, uint64_t);
  void (*dma_read)(void *, uint64_t, void *, uint64_t);
  void (*run)(void *, uint64_t);
} card;

static void sim_close(void *handle) {
  card *c = handle;
  if (c->sim != NULL) c->close(c->sim);
  if (c->library != NULL) dlclose(c->library);
  free(c);
}

static dpc_status sim_open(const char *where, void **out, uint64_t *base, dpc_error *error) {
  card *c = calloc(1, sizeof *c);
  if (c == NULL) return dpc_out_of_memory(error, sizeof *c);
  c->library = dlopen(where != NULL ? where : "libdp_sim.so", RTLD_NOW | RTLD_LOCAL);
  if (c->library == NULL) {
    free(c);
    return dpc_fail(error, DPC_ERROR_DEVICE, "the simulated circuit does not load: %s", dlerror());
  }
  void *(*open)(const char *) = NULL;
  const struct {
    const char *name;
    void *to;
  } symbols[] = {
      {"dp_sim_open", &open},
      {"dp_sim_close", &c->close},
      {"dp_sim_reg_read", &c->reg_read},
      {"dp_sim_reg_write", &c->reg_write},
      {"dp_sim_dma_write", &c->dma_write},
      {"dp_sim_dma_read", &c->dma_read},
      {"dp_sim_run", &c->run},
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    *(void **)symbols[i].to = dlsym(c->library, symbols[i].name);
    if (*(void **)symbols[i].to == NULL) {
      const dpc_status s = dpc_fail(error, DPC_ERROR_DEVICE, "%s has no function %s",
                                    where != NULL ? where : "libdp_sim.so", symbols[i].name);
      sim_close(c);
      return s;
    }
  }
  c->sim = open(NULL);
  *out = c;
  *base = 0;
  return DPC_OK;
}

static dpc_status silent(uint32_t addr, dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_DEVICE, "sim: register 0x%x does not answer", (unsigned)addr);
}

static dpc_status sim_reg_read(void *handle, uint32_t addr, uint32_t *value, dpc_error *error) {
  card *c = handle;
  return c->reg_read(c->sim, addr, value) == 0 ? DPC_OK : silent(addr, error);
}

static dpc_status sim_reg_write(void *handle, uint32_t addr, uint32_t value, dpc_error *error) {
  card *c = handle;
  return c->reg_write(c->sim, addr, value) == 0 ? DPC_OK : silent(addr, error);
}

static dpc_status sim_dma_write(void *handle, uint64_t addr, const void *data, size_t size,
                                dpc_error *error) {
  card *c = handle;
  (void)error;
  c->dma_write(c->sim, addr, data, size);
  return DPC_OK;
}

static dpc_status sim_dma_read(void *handle, uint64_t addr, void *data, size_t size,
                               dpc_error *error) {
  card *c = handle;
  (void)error;
  c->dma_read(c->sim, addr, data, size);
  return DPC_OK;
}

static dpc_status sim_wait(void *handle, double *waited, dpc_error *error) {
  card *c = handle;
  (void)error;
  c->run(c->sim, POLL_CYCLES);
  *waited += (double)POLL_CYCLES / CLOCK;
  return DPC_OK;
}

/* ten million clocks, which takes minutes: more than any job does */
const dpc_fpga_transport dpc_fpga_sim = {"sim",        0.04,         UINT64_MAX,    sim_open,
                                         sim_close,    sim_reg_read, sim_reg_write, sim_dma_write,
                                         sim_dma_read, sim_wait};
