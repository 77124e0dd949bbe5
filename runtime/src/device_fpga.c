/* The driver: frames to jobs of a card, and their results back.
 *
 * A system is cut into blocks that the chip holds. While the circuit works on one block, the host
 * adds up the one before and sends the next. Lists stay in the card's memory until they change.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fpga.h"
#include "fpga_blocks.h"
#include "fpga_regs.h"

enum { OP_LOAD = 1, OP_COORD = 2, OP_RUN = 4, OP_READ = 5, READ_VIRIAL = 1 << 8 };
enum {
  ID = 0x31435044,
  START = 1,
  RESET = 4,
  STATUS_UNKNOWN = 2,
  STATUS_BUS = 16,
  CROWDED = 1 << 9
};
enum { WORD = 16, PAGE = 4096, VIRIAL_WORDS = 5, AXES = 3 };

#define COMMANDS_AT(slot) ((uint64_t)(slot) << 26)
#define RESULTS_AT(slot) ((2 + (uint64_t)(slot)) << 26)
#define LISTS_AT (UINT64_C(4) << 26)
#define COORD_UNIT 4194304.0        /* 1/Å: 22 fraction bits */
#define FORCE_UNIT 4194304.0        /* 1/(eV/Å): 22 */
#define ENERGY_UNIT 16777216.0      /* 1/eV: 24 */
#define VIRIAL_UNIT 1048576.0       /* 1/eV: 20 */
#define FARTHEST 4503599627370496.0 /* Å times COORD_UNIT: beyond, doubles have no such digits */

struct dpc_fpga {
  const dpc_fpga_transport *transport;
  void *card;
  uint64_t base; /* of the card's memory */
  dpc_fpga_circuit circuit;
  double *bias;
  uint64_t *buffer; /* commands or results of one block */
  size_t room;      /* words of 16 bytes */
  dpc_fpga_blocks blocks;
  const dpc_fpga_block *on_chip; /* whose list the chip holds */
  uint32_t done;                 /* what DONE read before the job under way */
};

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

static dpc_status start(dpc_fpga *f, uint64_t source, size_t words, uint64_t result, size_t results,
                        dpc_error *error) {
  dpc_status s = get(f, DPC_REG_DONE, &f->done, error);
  if (s == DPC_OK) s = put_long(f, DPC_REG_SOURCE_LOW, f->base + source, error);
  if (s == DPC_OK) s = put(f, DPC_REG_SOURCE_WORDS, (uint32_t)words, error);
  if (s == DPC_OK) s = put_long(f, DPC_REG_RESULT_LOW, f->base + result, error);
  if (s == DPC_OK) s = put(f, DPC_REG_RESULT_WORDS, (uint32_t)results, error);
  return s == DPC_OK ? put(f, DPC_REG_CONTROL, START, error) : s;
}

/* Waits for the job; a card that hangs is reset. */
static dpc_status finish(dpc_fpga *f, dpc_error *error) {
  double waited = 0;
  for (;;) {
    uint32_t done, state;
    dpc_status s = get(f, DPC_REG_DONE, &done, error);
    if (s != DPC_OK) return s;
    if (done != f->done) break;
    if (waited > f->circuit.timeout) {
      s = get(f, DPC_REG_STATUS, &state, error);
      if (s != DPC_OK) return s;
      (void)put(f, DPC_REG_CONTROL, RESET, NULL);
      f->on_chip = NULL;
      return dpc_fail(error, DPC_ERROR_DEVICE,
                      "the card has not answered in %.3g s (status 0x%x). It has been reset; the "
                      "model must be loaded again",
                      f->circuit.timeout, (unsigned)state);
    }
    s = f->transport->wait(f->card, &waited, error);
    if (s != DPC_OK) return s;
  }
  uint32_t state;
  const dpc_status s = get(f, DPC_REG_STATUS, &state, error);
  if (s != DPC_OK) return s;
  if (state & (STATUS_UNKNOWN | STATUS_BUS))
    return dpc_fail(error, DPC_ERROR_DEVICE, "the card says %s (status 0x%x)",
                    state & STATUS_BUS ? "that its memory does not answer" : "unknown command",
                    (unsigned)state);
  return DPC_OK;
}

static dpc_status reserve(dpc_fpga *f, size_t words, dpc_error *error) {
  if (words <= f->room) return DPC_OK;
  uint64_t *buffer = realloc(f->buffer, words * WORD);
  if (buffer == NULL) return dpc_out_of_memory(error, words * WORD);
  f->buffer = buffer;
  f->room = words;
  return DPC_OK;
}

dpc_status dpc_fpga_open(const dpc_fpga_transport *transport, const char *where,
                         const dpc_fpga_circuit *circuit, dpc_fpga **out, dpc_error *error) {
  dpc_fpga *f = calloc(1, sizeof *f);
  *out = NULL;
  if (f == NULL) return dpc_out_of_memory(error, sizeof *f);
  f->transport = transport;
  f->circuit = *circuit;
  f->bias = calloc((size_t)circuit->ntypes + 1, sizeof *f->bias);
  dpc_status s = f->bias != NULL ? DPC_OK : dpc_out_of_memory(error, sizeof *f->bias);
  if (s == DPC_OK) memcpy(f->bias, circuit->bias, (size_t)circuit->ntypes * sizeof *f->bias);
  f->circuit.bias = f->bias;
  if (s == DPC_OK) s = transport->open(where, &f->card, &f->base, error);
  uint32_t id = 0, low = 0, high = 0;
  if (s == DPC_OK) s = get(f, DPC_REG_ID, &id, error);
  if (s == DPC_OK) s = get(f, DPC_REG_HASH_LOW, &low, error);
  if (s == DPC_OK) s = get(f, DPC_REG_HASH_HIGH, &high, error);
  const uint64_t hash = (uint64_t)high << 32 | low;
  if (s == DPC_OK && id != ID)
    s = dpc_fail(error, DPC_ERROR_DEVICE,
                 "%s: what answers is not a circuit of dpc: its ID is 0x%08x, not 0x%08x. Is the "
                 "bitstream loaded?",
                 transport->name, (unsigned)id, (unsigned)ID);
  if (s == DPC_OK && hash != circuit->hash)
    s = dpc_fail(error, DPC_ERROR_DEVICE,
                 "%s: the card has another circuit: its hash is %016llx, the package needs "
                 "%016llx. Load the package's bitstream",
                 transport->name, (unsigned long long)hash, (unsigned long long)circuit->hash);
  if (s == DPC_OK) s = put(f, DPC_REG_CONTROL, RESET, error);
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
  free(f->bias);
  free(f->buffer);
  free(f);
}

dpc_status dpc_fpga_load(dpc_fpga *f, const uint64_t *words, size_t count, dpc_error *error) {
  const size_t pairs = (count + 1) / 2;
  dpc_status s = reserve(f, pairs + 2, error);
  if (s != DPC_OK) return s;
  /* a card that was stopped has sums left over: they are read, and so cleared */
  const size_t results = (size_t)f->circuit.atoms + VIRIAL_WORDS;
  f->buffer[2 * pairs + 2] = OP_READ | READ_VIRIAL | (uint64_t)f->circuit.atoms << 32;
  f->buffer[2 * pairs + 3] = 0;
  f->buffer[0] = OP_LOAD | (uint64_t)pairs << 32;
  f->buffer[1] = 0;
  memcpy(f->buffer + 2, words, count * sizeof *words);
  if (count % 2) f->buffer[2 + count] = UINT64_MAX; /* loads nothing */
  s = f->transport->dma_write(f->card, COMMANDS_AT(0), f->buffer, (pairs + 2) * WORD, error);
  if (s == DPC_OK) s = start(f, COMMANDS_AT(0), pairs + 2, RESULTS_AT(0), results, error);
  return s == DPC_OK ? finish(f, error) : s;
}

static int64_t fixed(double x) { return (int64_t)floor(x * COORD_UNIT + 0.5); }

/* Sends positions and the commands of a block. */
static dpc_status prepare(dpc_fpga *f, size_t number, const dpc_fpga_frame *frame,
                          dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  const size_t n = (size_t)block->natoms;
  const dpc_status s = reserve(f, n + 3, error);
  if (s != DPC_OK) return s;
  uint64_t *to = f->buffer;
  *to++ = OP_COORD | (uint64_t)n << 32;
  *to++ = 0;
  int64_t origin[AXES] = {0, 0, 0};
  for (size_t i = 0; i < n; i++) {
    const int32_t atom = block->atoms[i];
    uint32_t word[AXES + 1];
    for (int k = 0; k < AXES; k++) {
      const double x = frame->coord[AXES * (size_t)atom + (size_t)k];
      if (!(fabs(x) * COORD_UNIT < FARTHEST))
        return dpc_fail(error, DPC_ERROR_ARGUMENT, "coord of atom %d is %g Å", atom, x);
      const int64_t value = fixed(x);
      /* differences of integers are exact, wherever the origin is */
      if (i == 0) origin[k] = value;
      const int64_t relative = value - origin[k];
      if (relative < INT32_MIN || relative > INT32_MAX)
        return dpc_fail(error, DPC_ERROR_LIMIT,
                        "atoms %d and %d of one block are %g Å apart, more than the circuit's 512",
                        block->atoms[0], atom, (double)relative / COORD_UNIT);
      word[k] = (uint32_t)relative;
    }
    word[AXES] = (uint32_t)frame->type[atom];
    memcpy(to, word, WORD);
    to += 2;
  }
  *to++ = OP_RUN | (uint64_t)block->list_words << 32;
  *to++ = 0;
  *to++ = OP_READ | READ_VIRIAL | (uint64_t)n << 32;
  *to++ = 0;
  return f->transport->dma_write(f->card, COMMANDS_AT(number % 2), f->buffer, (n + 3) * WORD,
                                 error);
}

/* Adds the results of a block to the frame's. */
static dpc_status collect(dpc_fpga *f, size_t number, dpc_fpga_frame *frame, int64_t *energy,
                          double *bias, int64_t *virial, dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  const size_t n = (size_t)block->natoms;
  dpc_status s = reserve(f, n + VIRIAL_WORDS, error);
  if (s == DPC_OK)
    s = f->transport->dma_read(f->card, RESULTS_AT(number % 2), f->buffer,
                               (n + VIRIAL_WORDS) * WORD, error);
  if (s != DPC_OK) return s;
  for (size_t i = 0; i < n; i++) {
    int32_t word[AXES + 1];
    const size_t atom = (size_t)block->atoms[i];
    memcpy(word, f->buffer + 2 * i, WORD);
    if (frame->force != NULL)
      for (size_t k = 0; k < AXES; k++) frame->force[AXES * atom + k] += word[k] / FORCE_UNIT;
    if (i >= (size_t)block->count) continue;
    const double own = f->bias[frame->type[atom]];
    *energy += word[AXES];
    *bias += own;
    if (frame->atom_energy != NULL) frame->atom_energy[atom] = word[AXES] / ENERGY_UNIT + own;
  }
  int64_t rest[2 * VIRIAL_WORDS];
  memcpy(rest, f->buffer + 2 * n, sizeof rest);
  for (int k = 0; k < AXES * AXES; k++) virial[k] += rest[k];
  frame->status |= (uint64_t)rest[AXES * AXES];
  if (frame->status & CROWDED)
    return dpc_fail(error, DPC_ERROR_LIMIT,
                    "an atom has more neighbours within the cutoff than the circuit is made for. "
                    "Compile again with a larger quantize{max_neighbors=...} (256 at most)");
  return DPC_OK;
}

static dpc_status send_lists(dpc_fpga *f, const dpc_fpga_frame *frame, dpc_error *error) {
  dpc_fpga_free_blocks(&f->blocks);
  f->on_chip = NULL;
  dpc_status s = dpc_fpga_cut(&f->circuit, frame, &f->blocks, error);
  uint64_t addr = LISTS_AT;
  for (size_t i = 0; i < f->blocks.count && s == DPC_OK; i++) {
    dpc_fpga_block *block = &f->blocks.block[i];
    const size_t size = (block->list_words + 1) * WORD;
    block->addr = addr;
    addr += (size + PAGE - 1) / PAGE * PAGE;
    s = f->transport->dma_write(f->card, block->addr, block->words, size, error);
  }
  return s;
}

static dpc_status run(dpc_fpga *f, size_t number, dpc_error *error) {
  const dpc_fpga_block *block = &f->blocks.block[number];
  dpc_status s = DPC_OK;
  if (f->on_chip != block) {
    s = start(f, block->addr, block->list_words + 1, RESULTS_AT(number % 2), 0, error);
    if (s == DPC_OK) s = finish(f, error);
    if (s == DPC_OK) f->on_chip = block;
  }
  if (s != DPC_OK) return s;
  return start(f, COMMANDS_AT(number % 2), (size_t)block->natoms + 3, RESULTS_AT(number % 2),
               (size_t)block->natoms + VIRIAL_WORDS, error);
}

dpc_status dpc_fpga_evaluate(dpc_fpga *f, dpc_fpga_frame *frame, dpc_error *error) {
  int64_t energy = 0, virial[AXES * AXES] = {0};
  double bias = 0;
  dpc_status s = DPC_OK;
  frame->status = 0;
  if (frame->force != NULL)
    memset(frame->force, 0, AXES * (size_t)frame->nall * sizeof *frame->force);
  if (frame->atom_energy != NULL)
    memset(frame->atom_energy, 0, (size_t)frame->nloc * sizeof *frame->atom_energy);
  if (!frame->same_list || f->blocks.count == 0) s = send_lists(f, frame, error);
  const size_t count = f->blocks.count;
  if (s == DPC_OK && count > 0) s = prepare(f, 0, frame, error);
  for (size_t i = 0; i < count && s == DPC_OK; i++) {
    s = run(f, i, error);
    if (s == DPC_OK && i > 0) s = collect(f, i - 1, frame, &energy, &bias, virial, error);
    if (s == DPC_OK && i + 1 < count) s = prepare(f, i + 1, frame, error);
    if (s == DPC_OK) s = finish(f, error);
  }
  if (s == DPC_OK && count > 0) s = collect(f, count - 1, frame, &energy, &bias, virial, error);
  if (s != DPC_OK) return s;
  if (frame->energy != NULL) *frame->energy = (double)energy / ENERGY_UNIT + bias;
  for (int k = 0; frame->virial != NULL && k < AXES * AXES; k++)
    frame->virial[k] = (double)virial[k] / VIRIAL_UNIT;
  return DPC_OK;
}
