/* The driver: frames to jobs of a card, and their results back.
 *
 * A system is cut into blocks that the chip holds. While the circuit works on one block, the host
 * adds up the one before and sends the next. Lists stay in the card's memory until they change,
 * and on the chip where there is one block only.
 */
#include <string.h>

#include "fpga_commands.h"
#include "fpga_driver.h"

enum { AXES = 3, FIELDS = 4, ENERGY = 3, STATUS = 9 };
#define VIRIAL_UNIT 0x1p-20 /* eV */
#define WIDEST 2147483647.  /* 2^-22 Å: differences of 32 bits */

static const uint64_t *words_of(const dpc_fpga *f, const dpc_fpga_block *block) {
  return (const uint64_t *)f->blocks.words + 2 * block->words;
}

static uint64_t address_of(const dpc_fpga *f, const dpc_fpga_block *block) {
  return dpc_fpga_commands_at(f) + block->words * DPC_FPGA_WORD;
}

static dpc_status send_lists(dpc_fpga *f, const dpc_fpga_frame *frame, dpc_error *error) {
  f->on_chip = -1;
  dpc_status s = dpc_fpga_cut(&f->circuit, frame, &f->blocks, error);
  if (s != DPC_OK) return s;
  const uint64_t end = dpc_fpga_commands_at(f) + f->blocks.nwords * DPC_FPGA_WORD;
  if (end > f->transport->memory) {
    f->blocks.count = 0;
    return dpc_fail(error, DPC_ERROR_LIMIT,
                    "%s: neighbour lists and positions take %llu MiB, more than the card's %llu "
                    "MiB: share the atoms among several cards (ranks of MPI)",
                    f->transport->name, (unsigned long long)end >> 20,
                    (unsigned long long)f->transport->memory >> 20);
  }
  for (size_t i = 0; i < f->blocks.count && s == DPC_OK; i++) {
    const dpc_fpga_block *block = &f->blocks.block[i];
    s = f->transport->dma_write(f->card, address_of(f, block), words_of(f, block),
                                block->list_words * DPC_FPGA_WORD, error);
  }
  if (s != DPC_OK) f->blocks.count = 0; /* what the card holds is not known */
  return s;
}

/* Sends the positions of a block, with the run and read behind them. */
static dpc_status prepare(dpc_fpga *f, size_t number, const dpc_fpga_frame *frame, double extent,
                          dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  const int32_t *atoms = f->blocks.atoms + block->atoms;
  const size_t n = (size_t)block->natoms;
  uint64_t *to = f->blocks.words + 2 * (block->words + block->list_words);
  dpc_status s = DPC_OK;
  if (extent > WIDEST) s = dpc_fpga_check_block(frame, atoms, n, error);
  if (s != DPC_OK) return s;
  dpc_fpga_gather(f->records.data, atoms, n, to + 2);
  return f->transport->dma_write(f->card, address_of(f, block) + block->list_words * DPC_FPGA_WORD,
                                 to, (n + 3) * DPC_FPGA_WORD, error);
}

static dpc_status run(dpc_fpga *f, size_t number, dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  const size_t skip = f->on_chip == (int32_t)number ? block->list_words : 0;
  f->on_chip = (int32_t)number;
  return dpc_fpga_start(f, address_of(f, block) + skip * DPC_FPGA_WORD,
                        dpc_fpga_block_words(block) - skip, dpc_fpga_results_at(f, number % 2),
                        (size_t)block->natoms + DPC_FPGA_VIRIAL_WORDS, error);
}

/* Adds the results of a block to the frame's. */
static dpc_status collect(dpc_fpga *f, size_t number, dpc_fpga_frame *frame, int64_t *virial,
                          dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  const size_t n = (size_t)block->natoms, words = n + DPC_FPGA_VIRIAL_WORDS;
  const dpc_status s = f->transport->dma_read(f->card, dpc_fpga_results_at(f, number % 2),
                                              f->results.data, words * DPC_FPGA_WORD, error);
  if (s != DPC_OK) return s;
  const int32_t *results = f->results.data, *order = f->blocks.order + block->first;
  if (frame->force != NULL)
    dpc_fpga_scatter(results, f->blocks.atoms + block->atoms, n, frame->force);
  for (int32_t i = 0; i < block->count && frame->energy != NULL; i++)
    frame->energy[order[i]] = results[FIELDS * i + ENERGY];
  int64_t rest[2 * DPC_FPGA_VIRIAL_WORDS];
  memcpy(rest, results + FIELDS * n, sizeof rest);
  for (int k = 0; k < AXES * AXES; k++) virial[k] += rest[k];
  frame->status |= (uint64_t)rest[STATUS];
  return DPC_OK;
}

static dpc_status begin(dpc_fpga *f, const dpc_fpga_frame *frame, double *extent,
                        dpc_error *error) {
  dpc_status s = f->loaded ? DPC_OK : dpc_fpga_load(f, f->model, f->model_count, error);
  if (s == DPC_OK)
    s = dpc_reserve(&f->records, (size_t)frame->nall, FIELDS * sizeof(int32_t), error);
  if (s == DPC_OK)
    s = dpc_reserve(&f->results, (size_t)f->circuit.atoms + DPC_FPGA_VIRIAL_WORDS, DPC_FPGA_WORD,
                    error);
  if (s == DPC_OK) s = dpc_fpga_to_fixed(frame, f->records.data, extent, error);
  if (s == DPC_OK && (!frame->same_list || f->blocks.count == 0)) s = send_lists(f, frame, error);
  return s;
}

static dpc_status all_blocks(dpc_fpga *f, dpc_fpga_frame *frame, double extent, int64_t *virial,
                             dpc_error *error) {
  const size_t count = f->blocks.count;
  dpc_status s = count > 0 ? prepare(f, 0, frame, extent, error) : DPC_OK;
  for (size_t i = 0; i < count && s == DPC_OK; i++) {
    s = run(f, i, error);
    if (s == DPC_OK && i > 0) s = collect(f, i - 1, frame, virial, error);
    if (s == DPC_OK && i + 1 < count) s = prepare(f, i + 1, frame, extent, error);
    if (s == DPC_OK) s = dpc_fpga_finish(f, error);
  }
  return s == DPC_OK && count > 0 ? collect(f, count - 1, frame, virial, error) : s;
}

const int32_t *dpc_fpga_records(const dpc_fpga *f) { return f->records.data; }

dpc_status dpc_fpga_evaluate(dpc_fpga *f, dpc_fpga_frame *frame, dpc_error *error) {
  int64_t virial[AXES * AXES] = {0};
  double extent = 0;
  frame->status = 0;
  if (frame->force != NULL)
    memset(frame->force, 0, AXES * (size_t)frame->nall * sizeof *frame->force);
  dpc_status s = begin(f, frame, &extent, error);
  if (s != DPC_OK) return s;
  s = all_blocks(f, frame, extent, virial, error);
  if (s != DPC_OK) {
    f->loaded = 0; /* whatever the card does, it begins anew */
    return s;
  }
  if (frame->status & DPC_FPGA_CROWDED)
    return dpc_fail(
        error, DPC_ERROR_LIMIT,
        "%s: an atom has more neighbours within the cutoff than the circuit is made for. "
        "Compile again with a larger quantize{max_neighbors=...} (256 at most)",
        f->transport->name);
  for (int k = 0; frame->virial != NULL && k < AXES * AXES; k++)
    frame->virial[k] = (double)virial[k] * VIRIAL_UNIT;
  return DPC_OK;
}
