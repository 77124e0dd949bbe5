#include "fpga_blocks.h"

#include <stdlib.h>
#include <string.h>

enum { OP_LIST = 3, SLOTS = 8, NOBODY = 0xffff };

typedef struct builder {
  const dpc_fpga_circuit *circuit;
  const dpc_fpga_frame *frame;
  int32_t *local; /* of every atom of the system: its number in the block, or -1 */
  int32_t *atoms;
  uint16_t *slots; /* eight to a word */
  size_t natoms, nslots, slot_room;
} builder;

static int grow_slots(builder *b, size_t more) {
  if (b->nslots + more <= b->slot_room) return 1;
  const size_t room = 2 * (b->nslots + more);
  uint16_t *slots = realloc(b->slots, room * sizeof *slots);
  if (slots == NULL) return 0;
  b->slots = slots;
  b->slot_room = room;
  return 1;
}

static int32_t number(builder *b, int32_t atom) {
  if (b->local[atom] < 0) {
    b->local[atom] = (int32_t)b->natoms;
    b->atoms[b->natoms++] = atom;
  }
  return b->local[atom];
}

/* The slots of one centre: its header, then its neighbours type by type in beats of lanes.
 * 1, or 0 without memory. */
static int add_center(builder *b, int32_t center) {
  const dpc_fpga_frame *f = b->frame;
  const size_t lanes = (size_t)b->circuit->lanes, head = b->nslots;
  const size_t most = (size_t)f->numneigh[center] + (size_t)b->circuit->ntypes * lanes;
  if (!grow_slots(b, 2 * SLOTS + most)) return 0;
  memset(b->slots + head, 0, SLOTS * sizeof *b->slots);
  size_t used = head + SLOTS;
  for (int32_t t = 0; t < b->circuit->ntypes; t++) {
    for (int32_t k = 0; k < f->numneigh[center]; k++) {
      const int32_t j = f->neighbors[center][k] & f->mask;
      if (f->type[j] == t) b->slots[used++] = (uint16_t)number(b, j);
    }
    while ((used - head) % lanes) b->slots[used++] = NOBODY;
  }
  if (used == head + SLOTS)
    while (used < head + SLOTS + lanes) b->slots[used++] = NOBODY;
  b->slots[head] = (uint16_t)b->local[center];
  b->slots[head + 1] = (uint16_t)((used - head - SLOTS) / lanes);
  while ((used - head) % SLOTS) b->slots[used++] = NOBODY;
  b->nslots = used;
  return 1;
}

static void forget(builder *b, size_t natoms) {
  while (b->natoms > natoms) b->local[b->atoms[--b->natoms]] = -1;
}

static int finish(builder *b, int32_t count, dpc_fpga_blocks *out) {
  dpc_fpga_block *grown = realloc(out->block, (out->count + 1) * sizeof *grown);
  if (grown == NULL) return 0;
  out->block = grown;
  dpc_fpga_block *block = &out->block[out->count];
  *block = (dpc_fpga_block){.count = count, .natoms = (int32_t)b->natoms};
  block->list_words = b->nslots / SLOTS;
  block->atoms = malloc(b->natoms * sizeof *block->atoms);
  block->words = malloc((block->list_words + 1) * 2 * sizeof *block->words);
  out->count++;
  if (block->atoms == NULL || block->words == NULL) return 0;
  memcpy(block->atoms, b->atoms, b->natoms * sizeof *block->atoms);
  block->words[0] = OP_LIST | (uint64_t)block->list_words << 32;
  block->words[1] = 0;
  memcpy(block->words + 2, b->slots, b->nslots * sizeof *b->slots); /* little-endian */
  return 1;
}

/* Atoms and words that `count` centres from `first` on take; the block stays in the builder. */
static int try_block(builder *b, const int32_t *centers, int32_t count) {
  forget(b, 0);
  b->nslots = 0;
  for (int32_t i = 0; i < count; i++) number(b, centers[i]);
  for (int32_t i = 0; i < count; i++)
    if (!add_center(b, centers[i])) return -1;
  return b->natoms <= (size_t)b->circuit->atoms && b->natoms < NOBODY &&
         b->nslots / SLOTS <= (size_t)b->circuit->list_words;
}

dpc_status dpc_fpga_cut(const dpc_fpga_circuit *circuit, const dpc_fpga_frame *frame,
                        dpc_fpga_blocks *blocks, dpc_error *error) {
  builder b = {.circuit = circuit, .frame = frame};
  const size_t nall = (size_t)frame->nall + 1, nloc = (size_t)frame->nloc + 1;
  int32_t *centers = malloc(nloc * sizeof *centers);
  b.local = malloc(nall * sizeof *b.local);
  b.atoms = malloc(nall * sizeof *b.atoms);
  dpc_status status = DPC_OK;
  *blocks = (dpc_fpga_blocks){0};
  if (centers == NULL || b.local == NULL || b.atoms == NULL) {
    status = dpc_out_of_memory(error, nall * 2 * sizeof *b.local);
    goto end;
  }
  for (size_t i = 0; i < nall; i++) b.local[i] = -1;
  int32_t todo = 0;
  for (int32_t i = 0; i < frame->nloc; i++)
    if (frame->type[i] >= 0) centers[todo++] = i;
  int32_t size = todo;
  for (int32_t first = 0; first < todo && status == DPC_OK;) {
    if (size > todo - first) size = todo - first;
    const int fits = try_block(&b, centers + first, size);
    if (fits < 0) {
      status = dpc_out_of_memory(error, b.slot_room * sizeof *b.slots);
    } else if (fits) {
      if (!finish(&b, size, blocks)) status = dpc_out_of_memory(error, b.nslots * 2);
      first += size;
    } else if (size == 1) {
      status = dpc_fail(error, DPC_ERROR_ARGUMENT,
                        "atom %d has %d neighbours, more than the circuit's %d atoms or %lld words "
                        "of its list hold",
                        centers[first], frame->numneigh[centers[first]], circuit->atoms,
                        (long long)circuit->list_words);
    } else {
      size = (size + 1) / 2;
    }
  }
end:
  if (status != DPC_OK) dpc_fpga_free_blocks(blocks);
  free(centers);
  free(b.local);
  free(b.atoms);
  free(b.slots);
  return status;
}

void dpc_fpga_free_blocks(dpc_fpga_blocks *blocks) {
  for (size_t i = 0; i < blocks->count; i++) {
    free(blocks->block[i].atoms);
    free(blocks->block[i].words);
  }
  free(blocks->block);
  *blocks = (dpc_fpga_blocks){0};
}
