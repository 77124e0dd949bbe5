/* fpga_blocks.h: a system cut into blocks that fit the chip. */
#ifndef DPC_FPGA_BLOCKS_H
#define DPC_FPGA_BLOCKS_H

#include "fpga.h"

typedef struct dpc_fpga_block {
  int32_t count;     /* centres: the first of `atoms` */
  int32_t natoms;    /* centres and their neighbours */
  int32_t *atoms;    /* indices in the system */
  uint64_t *words;   /* the block's list, 128-bit words as pairs, header of the command first */
  size_t list_words; /* without that header */
  uint64_t addr;     /* where the list is in the card's memory */
} dpc_fpga_block;

typedef struct dpc_fpga_blocks {
  dpc_fpga_block *block;
  size_t count;
} dpc_fpga_blocks;

dpc_status dpc_fpga_cut(const dpc_fpga_circuit *circuit, const dpc_fpga_frame *frame,
                        dpc_fpga_blocks *blocks, dpc_error *error);
void dpc_fpga_free_blocks(dpc_fpga_blocks *blocks);

#endif
