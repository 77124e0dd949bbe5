/* fpga_blocks.h: a system cut into blocks that fit the chip. */
#ifndef DPC_FPGA_BLOCKS_H
#define DPC_FPGA_BLOCKS_H

#include "fpga.h"
#include "workspace.h"

enum { DPC_FPGA_WORD = 16, DPC_FPGA_PAGE = 4096 };

/* A block's commands, one after the other, here and in the card's memory: its list, something
 * that does nothing up to the next page, positions, run and read. Where the chip still holds the
 * list, a job begins at the positions. */
typedef struct dpc_fpga_block {
  int32_t first, count; /* centres: of the order in which the blocks have them */
  int32_t natoms;       /* centres and their neighbours */
  size_t atoms;         /* where they begin in the atoms of all blocks, the centres first */
  size_t words;         /* where the commands begin in those of all blocks */
  size_t list_words;    /* up to the positions, with all headers; whole pages */
} dpc_fpga_block;

typedef struct dpc_fpga_blocks {
  dpc_fpga_block *block;
  int32_t *order;  /* the centres, as indices into those of the frame, block by block */
  int32_t *atoms;  /* indices in the system */
  uint64_t *words; /* 128-bit words as pairs */
  size_t count, natoms, nwords;
  dpc_buffer block_buffer, order_buffer, atoms_buffer, words_buffer, keys, marks, members;
} dpc_fpga_blocks;

/* Words of a block with its positions, run and read. */
static inline size_t dpc_fpga_block_words(const dpc_fpga_block *block) {
  return block->list_words + (size_t)block->natoms + 3;
}

dpc_status dpc_fpga_cut(const dpc_fpga_circuit *circuit, const dpc_fpga_frame *frame,
                        dpc_fpga_blocks *blocks, dpc_error *error);
void dpc_fpga_free_blocks(dpc_fpga_blocks *blocks);

/* fpga_order.c: centres near each other come one after the other in `blocks->order`. */
dpc_status dpc_fpga_order(const dpc_fpga_frame *frame, dpc_fpga_blocks *blocks, dpc_error *error);

#endif
