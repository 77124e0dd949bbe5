/* The circuit in software, as a shared library: see dp_sim.cpp. */
#ifndef DP_SIM_H
#define DP_SIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dp_sim dp_sim;

#pragma GCC visibility push(default)

/* A circuit after reset; a waveform is written there if not NULL. NULL: built without waveforms. */
dp_sim *dp_sim_open(const char *waveform);
void dp_sim_close(dp_sim *sim);

/* 0, or -1 if the circuit does not answer. */
int dp_sim_reg_read(dp_sim *sim, uint32_t addr, uint32_t *value);
int dp_sim_reg_read_row(dp_sim *sim, uint32_t addr, uint32_t count, uint32_t *values);
int dp_sim_reg_write(dp_sim *sim, uint32_t addr, uint32_t value);

/* The card's memory; takes no cycles. */
void dp_sim_dma_write(dp_sim *sim, uint64_t addr, const void *data, uint64_t size);
void dp_sim_dma_read(dp_sim *sim, uint64_t addr, void *data, uint64_t size);

void dp_sim_run(dp_sim *sim, uint64_t cycles);
uint64_t dp_sim_cycles(const dp_sim *sim);

/* From now on the card's memory pauses in so many of a hundred cycles. */
void dp_sim_stalls(dp_sim *sim, unsigned percent, uint64_t seed);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
