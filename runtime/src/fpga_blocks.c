#include "fpga_blocks.h"

#include <string.h>

#include "fpga_commands.h"

/* Å: centres of a block are not farther apart, so that all of its atoms fit the circuit's 512 */
static const double WIDEST = 400;
enum { AXES = 3, SLOTS = 8, NOBODY = 0xffff, PAGE_WORDS = DPC_FPGA_PAGE / DPC_FPGA_WORD };

typedef struct builder {
  const dpc_fpga_circuit *circuit;
  const dpc_fpga_frame *frame;
  dpc_fpga_blocks *out;
  int32_t *local;   /* of every atom of the system: its number in the block, or -1 */
  int32_t *members; /* the atoms of the block, in the order in which they were met */
  int32_t natoms;
  size_t words;                 /* of its list */
  size_t beats;                 /* of the centre counted last */
  double low[AXES], high[AXES]; /* of its centres */
  size_t *of_type;
} builder;

/* Counts the neighbours of a centre by type; words that its list takes, with its header. */
static size_t count_types(builder *b, int32_t center) {
  const dpc_fpga_frame *f = b->frame;
  const size_t lanes = (size_t)b->circuit->lanes;
  const int32_t *near = f->neighbors[center], ntypes = b->circuit->ntypes;
  memset(b->of_type, 0, (size_t)ntypes * sizeof *b->of_type);
  for (int32_t k = 0; k < f->numneigh[center]; k++) {
    const int32_t type = f->type[near[k] & f->mask];
    if (type >= 0) b->of_type[type]++;
  }
  size_t beats = 0;
  for (int32_t t = 0; t < ntypes; t++) beats += (b->of_type[t] + lanes - 1) / lanes;
  if (beats == 0) beats = 1; /* of nobody */
  b->beats = beats;
  return 1 + (beats * lanes + SLOTS - 1) / SLOTS;
}

static void meet(builder *b, int32_t atom) {
  if (b->local[atom] >= 0) return;
  b->local[atom] = b->natoms;
  b->members[b->natoms++] = atom;
}

static void forget(builder *b, int32_t natoms) {
  while (b->natoms > natoms) b->local[b->members[--b->natoms]] = -1;
}

/* Makes the block's box hold a centre, too; 0 if it became too wide. */
static int widen(builder *b, const double *x) {
  int fits = 1;
  for (int k = 0; k < AXES; k++) {
    const int is_first = b->natoms == 0;
    b->low[k] = is_first || x[k] < b->low[k] ? x[k] : b->low[k];
    b->high[k] = is_first || x[k] > b->high[k] ? x[k] : b->high[k];
    fits &= b->high[k] - b->low[k] <= WIDEST;
  }
  return fits;
}

/* Takes a centre and its neighbours into the block, if they fit. If not, the block is finished. */
static int take(builder *b, int32_t center) {
  const dpc_fpga_frame *f = b->frame;
  if (!widen(b, f->coord + AXES * (size_t)f->centers[center])) return 0;
  const int32_t before = b->natoms, *near = f->neighbors[center];
  const size_t words = count_types(b, center);
  meet(b, f->centers[center]);
  for (int32_t k = 0; k < f->numneigh[center]; k++) {
    const int32_t j = near[k] & f->mask;
    if (f->type[j] >= 0) meet(b, j);
  }
  if (b->natoms <= b->circuit->atoms && b->natoms < NOBODY &&
      b->words + words <= (size_t)b->circuit->list_words &&
      b->beats <= (size_t)b->circuit->history_beats) { /* longer ones would wait for themselves */
    b->words += words;
    return 1;
  }
  forget(b, before);
  return 0;
}

/* A centre's header and neighbours, type by type in beats of lanes; where the next one goes. */
static uint16_t *write_center(builder *b, int32_t center, uint16_t *slots) {
  const dpc_fpga_frame *f = b->frame;
  const size_t lanes = (size_t)b->circuit->lanes, words = count_types(b, center);
  size_t beats = 0;
  memset(slots, 0xff, words * SLOTS * sizeof *slots); /* nobody */
  memset(slots, 0, SLOTS * sizeof *slots);
  uint16_t *to = slots + SLOTS;
  for (int32_t t = 0; t < b->circuit->ntypes; t++) { /* counts become places */
    const size_t count = b->of_type[t];
    b->of_type[t] = beats * lanes;
    beats += (count + lanes - 1) / lanes;
  }
  const int32_t *near = f->neighbors[center];
  for (int32_t k = 0; k < f->numneigh[center]; k++) {
    const int32_t j = near[k] & f->mask;
    if (f->type[j] >= 0) to[b->of_type[f->type[j]]++] = (uint16_t)b->local[j];
  }
  slots[0] = (uint16_t)b->local[f->centers[center]];
  slots[1] = (uint16_t)(beats > 0 ? beats : 1);
  return slots + words * SLOTS;
}

/* Commands of a block begin on a page. */
static size_t room(const dpc_fpga_block *block) {
  return (dpc_fpga_block_words(block) + PAGE_WORDS - 1) / PAGE_WORDS * PAGE_WORDS;
}

static dpc_status reserve_block(builder *b, const dpc_fpga_block *block, dpc_error *error) {
  dpc_fpga_blocks *out = b->out;
  dpc_status s = dpc_extend(&out->block_buffer, out->count * sizeof *out->block, out->count + 1,
                            sizeof *out->block, error);
  if (s == DPC_OK)
    s = dpc_extend(&out->atoms_buffer, out->natoms * sizeof(int32_t),
                   out->natoms + (size_t)b->natoms, sizeof(int32_t), error);
  if (s == DPC_OK)
    s = dpc_extend(&out->words_buffer, out->nwords * DPC_FPGA_WORD, out->nwords + room(block),
                   DPC_FPGA_WORD, error);
  out->block = out->block_buffer.data;
  out->atoms = out->atoms_buffer.data;
  out->words = out->words_buffer.data;
  return s;
}

/* The block that the builder holds: its atoms, centres first, and its commands. */
static dpc_status finish(builder *b, int32_t first, int32_t count, dpc_error *error) {
  dpc_fpga_blocks *out = b->out;
  const int32_t *order = out->order + first;
  dpc_fpga_block block = {.first = first, .count = count, .natoms = b->natoms};
  /* with a header before the list and one after it */
  block.list_words = (b->words + 2 + PAGE_WORDS - 1) / PAGE_WORDS * PAGE_WORDS;
  block.atoms = out->natoms;
  block.words = out->nwords;
  const dpc_status s = reserve_block(b, &block, error);
  if (s != DPC_OK) return s;
  int32_t *atoms = out->atoms + block.atoms, n = 0;
  for (int32_t i = 0; i < count; i++) {
    atoms[n] = b->frame->centers[order[i]];
    b->local[atoms[n]] = n;
    n++;
  }
  for (int32_t i = 0; i < b->natoms; i++) {
    const int32_t atom = b->members[i];
    if (b->local[atom] < count && atoms[b->local[atom]] == atom) continue; /* a centre */
    atoms[n] = atom;
    b->local[atom] = n++;
  }
  uint64_t *to = out->words + 2 * block.words;
  uint16_t *slots = (uint16_t *)dpc_fpga_header(to, DPC_FPGA_LIST, b->words); /* little-endian */
  for (int32_t i = 0; i < count; i++) slots = write_center(b, order[i], slots);
  const size_t rest = block.list_words - b->words - 2;
  to = dpc_fpga_header((uint64_t *)slots, DPC_FPGA_LOAD, rest);
  memset(to, 0xff, rest * DPC_FPGA_WORD); /* loads nothing */
  to += 2 * rest;
  to = dpc_fpga_header(to, DPC_FPGA_COORD, (size_t)b->natoms) + 2 * (size_t)b->natoms;
  to = dpc_fpga_header(to, DPC_FPGA_RUN, b->words);
  dpc_fpga_header(to, DPC_FPGA_READ | DPC_FPGA_READ_VIRIAL, (size_t)b->natoms);
  out->block[out->count++] = block;
  out->natoms += (size_t)b->natoms;
  out->nwords += room(&block);
  forget(b, 0);
  b->words = 0;
  return DPC_OK;
}

static dpc_status too_large(const builder *b, int32_t center, dpc_error *error) {
  return dpc_fail(
      error, DPC_ERROR_LIMIT,
      "atom %d has %d neighbours in its list: the circuit holds lists of %lld words and "
      "%lld beats of %d neighbours of one type, and %d atoms. Use a smaller skin",
      b->frame->centers[center], b->frame->numneigh[center], (long long)b->circuit->list_words,
      (long long)b->circuit->history_beats, b->circuit->lanes, b->circuit->atoms);
}

static dpc_status cut(builder *b, dpc_error *error) {
  int32_t first = 0;
  dpc_status s = DPC_OK;
  for (int32_t i = 0; i < b->frame->count && s == DPC_OK;) {
    const int32_t center = b->out->order[i];
    if (take(b, center)) {
      i++;
      continue;
    }
    if (i == first) return too_large(b, center, error);
    s = finish(b, first, i - first, error);
    first = i;
  }
  if (s == DPC_OK && b->frame->count > first) s = finish(b, first, b->frame->count - first, error);
  return s;
}

dpc_status dpc_fpga_cut(const dpc_fpga_circuit *circuit, const dpc_fpga_frame *frame,
                        dpc_fpga_blocks *blocks, dpc_error *error) {
  const size_t nall = (size_t)frame->nall, ntypes = (size_t)circuit->ntypes;
  blocks->count = blocks->natoms = blocks->nwords = 0;
  dpc_status s = dpc_fpga_order(frame, blocks, error);
  if (s == DPC_OK) s = dpc_reserve(&blocks->marks, nall + 1, sizeof(int32_t), error);
  if (s == DPC_OK)
    s = dpc_reserve(&blocks->members, (ntypes + 1) * sizeof(size_t) + nall * sizeof(int32_t), 1,
                    error);
  if (s != DPC_OK) return s;
  builder b = {.circuit = circuit, .frame = frame, .out = blocks};
  b.local = blocks->marks.data;
  b.of_type = blocks->members.data;
  b.members = (int32_t *)(b.of_type + ntypes + 1);
  memset(b.local, 0xff, nall * sizeof *b.local); /* -1 */
  s = cut(&b, error);
  if (s != DPC_OK) blocks->count = 0;
  return s;
}

void dpc_fpga_free_blocks(dpc_fpga_blocks *blocks) {
  dpc_buffer *owned[] = {&blocks->block_buffer, &blocks->order_buffer, &blocks->atoms_buffer,
                         &blocks->words_buffer, &blocks->keys,         &blocks->marks,
                         &blocks->members};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) dpc_release(owned[i]);
  *blocks = (dpc_fpga_blocks){0};
}
