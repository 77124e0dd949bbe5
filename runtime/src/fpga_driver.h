/* fpga_driver.h: what the driver keeps of a card. */
#ifndef DPC_FPGA_DRIVER_H
#define DPC_FPGA_DRIVER_H

#include "fpga.h"
#include "fpga_blocks.h"

struct dpc_fpga {
  const dpc_fpga_transport *transport;
  void *card;
  uint64_t base; /* of the card's memory */
  dpc_fpga_circuit circuit;
  /* the model; not loaded: before dpc_fpga_load, and after a failure */
  const uint64_t *model;
  size_t model_count;
  int loaded;
  uint32_t done; /* what DONE read before the job under way */
  dpc_fpga_blocks blocks;
  int32_t on_chip; /* the block whose list the chip holds, or -1 */
  dpc_buffer records, results, commands;
};

/* The card's memory: results of two blocks, then commands. */
uint64_t dpc_fpga_results_at(const dpc_fpga *f, size_t slot);
uint64_t dpc_fpga_commands_at(const dpc_fpga *f);

/* fpga_card.c: starts the job whose commands are at `source`, and waits for its end. */
dpc_status dpc_fpga_start(dpc_fpga *f, uint64_t source, size_t words, uint64_t result,
                          size_t results, dpc_error *error);
dpc_status dpc_fpga_finish(dpc_fpga *f, dpc_error *error);

/* fpga_fixed.c: positions as the circuit takes them. */

/* x, y, z, type of every atom, 2^-22 Å modulo 2^32. `extent` (2^-22 Å): the most that two atoms
 * are apart along an axis. Fails where a position is no number or too far. */
dpc_status dpc_fpga_to_fixed(const dpc_fpga_frame *frame, int32_t *records, double *extent,
                             dpc_error *error);

/* Records of `count` atoms, relative to the first of them, to `to`. */
void dpc_fpga_gather(const int32_t *records, const int32_t *atoms, size_t count, void *to);

/* Whether differences from the first fit 32 bits; needed where the extent does not. */
dpc_status dpc_fpga_check_block(const dpc_fpga_frame *frame, const int32_t *atoms, size_t count,
                                dpc_error *error);

/* Adds the forces of `count` results to those of their atoms. */
void dpc_fpga_scatter(const void *results, const int32_t *atoms, size_t count, double *force);

#endif
