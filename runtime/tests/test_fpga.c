/* The driver of a card against cards that fail, and the cutting of systems into blocks.
 *
 * test_fpga FOLDER: it takes files that stand for the devices of xdma.
 */
#include <math.h>

#include "check.h"
#include "fpga.h"
#include "fpga_blocks.h"
#include "fpga_regs.h"

enum { ID = 0x31435044, ATOMS = 40, LANES = 2 };

/* ---- a card that answers as told */
typedef struct fake {
  uint32_t id, hash, status, done;
  int hangs, fails_after; /* calls */
  int calls;
} fake;

static fake told = {.id = ID, .hash = 7};

static dpc_status count(dpc_error *error) {
  if (told.fails_after > 0 && ++told.calls > told.fails_after)
    return dpc_fail(error, DPC_ERROR_DEVICE, "fake: call %d fails", told.calls);
  return DPC_OK;
}

static dpc_status fake_open(const char *where, void **card, uint64_t *base, dpc_error *error) {
  (void)where, (void)error;
  *card = &told;
  *base = 0;
  told.calls = 0;
  return DPC_OK;
}

static void fake_close(void *card) { (void)card; }

static dpc_status fake_reg_read(void *card, uint32_t addr, uint32_t *value, dpc_error *error) {
  (void)card;
  *value = addr == DPC_REG_ID         ? told.id
           : addr == DPC_REG_HASH_LOW ? told.hash
           : addr == DPC_REG_STATUS   ? told.status
           : addr == DPC_REG_DONE     ? told.done
                                      : 0;
  return count(error);
}

static dpc_status fake_reg_write(void *card, uint32_t addr, uint32_t value, dpc_error *error) {
  (void)card;
  if (addr == DPC_REG_CONTROL && value == 1 && !told.hangs) told.done++;
  return count(error);
}

static dpc_status fake_dma_write(void *card, uint64_t addr, const void *data, size_t size,
                                 dpc_error *error) {
  (void)card, (void)addr, (void)data, (void)size;
  return count(error);
}

static dpc_status fake_dma_read(void *card, uint64_t addr, void *data, size_t size,
                                dpc_error *error) {
  (void)card, (void)addr;
  memset(data, 0, size);
  return count(error);
}

static dpc_status fake_wait(void *card, double *waited, dpc_error *error) {
  (void)card;
  *waited += 0.25;
  return count(error);
}

static const dpc_fpga_transport transport = {"fake",        fake_open,      fake_close,
                                             fake_reg_read, fake_reg_write, fake_dma_write,
                                             fake_dma_read, fake_wait};

static const double bias[2] = {-1.0, -2.0};

static dpc_fpga_circuit circuit(void) {
  return (dpc_fpga_circuit){.hash = 7,
                            .lanes = LANES,
                            .atoms = 64,
                            .list_words = 1024,
                            .ntypes = 2,
                            .bias = bias,
                            .timeout = 1.0};
}

/* ---- a system: everybody's neighbour is everybody */
typedef struct system {
  double coord[3 * ATOMS], force[3 * ATOMS], energy, virial[9], atom_energy[ATOMS];
  int32_t type[ATOMS], numneigh[ATOMS], near[ATOMS][ATOMS];
  const int32_t *lists[ATOMS];
} my_system;

static dpc_fpga_frame fill(my_system *s) {
  for (int i = 0; i < ATOMS; i++) {
    s->type[i] = i % 7 == 6 ? -1 : i % 2;
    s->numneigh[i] = 0;
    s->lists[i] = s->near[i];
    for (int k = 0; k < 3; k++) s->coord[3 * i + k] = 10 * uniform();
    for (int j = 0; j < ATOMS; j++)
      if (j != i && (j + i) % 3) s->near[i][s->numneigh[i]++] = j;
  }
  return (dpc_fpga_frame){.nloc = ATOMS,
                          .nall = ATOMS,
                          .coord = s->coord,
                          .type = s->type,
                          .numneigh = s->numneigh,
                          .neighbors = s->lists,
                          .mask = ~0,
                          .energy = &s->energy,
                          .force = s->force,
                          .virial = s->virial,
                          .atom_energy = s->atom_energy};
}

static void expect(dpc_status status, const dpc_error *error, const char *text) {
  CHECK(status == DPC_ERROR_DEVICE, "status %d", (int)status);
  CHECK(strstr(error->message, text) != NULL, "'%s' is not in: %s", text, error->message);
}

static void test_wrong_cards(void) {
  dpc_fpga *fpga;
  dpc_error error;
  const dpc_fpga_circuit c = circuit();
  told.id = 5;
  expect(dpc_fpga_open(&transport, NULL, &c, &fpga, &error), &error, "not a circuit of dpc");
  told.id = ID;
  told.hash = 8;
  expect(dpc_fpga_open(&transport, NULL, &c, &fpga, &error), &error, "another circuit");
  told.hash = 7;
}

static void test_hung_card(void) {
  static my_system s;
  dpc_fpga *fpga;
  dpc_error error;
  const dpc_fpga_circuit c = circuit();
  CHECK(dpc_fpga_open(&transport, NULL, &c, &fpga, &error) == DPC_OK, "%s", error.message);
  dpc_fpga_frame frame = fill(&s);
  told.hangs = 1;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "has not answered in 1 s");
  told.hangs = 0;
  told.status = 2;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "unknown command");
  told.status = 16;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "memory does not answer");
  told.status = 0;
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
  dpc_fpga_close(fpga);
}

/* Whichever call fails first, the error is its own and nothing is lost. */
static void test_every_call_fails(void) {
  static my_system s;
  const dpc_fpga_circuit c = circuit();
  dpc_fpga_frame frame = fill(&s);
  int last = 0;
  for (int after = 1; !last; after++) {
    dpc_fpga *fpga = NULL;
    dpc_error error;
    const uint64_t words[3] = {1, 2, 3};
    told.fails_after = after;
    dpc_status status = dpc_fpga_open(&transport, NULL, &c, &fpga, &error);
    if (status == DPC_OK) status = dpc_fpga_load(fpga, words, 3, &error);
    if (status == DPC_OK) status = dpc_fpga_evaluate(fpga, &frame, &error);
    last = status == DPC_OK;
    if (!last) expect(status, &error, "fake: call");
    dpc_fpga_close(fpga);
    CHECK(after < 1000, "never ends");
  }
  told.fails_after = 0;
}

/* Every neighbour is in exactly one beat, of its type; centres come first. */
static void test_blocks(int32_t atoms, int64_t words) {
  static my_system s;
  dpc_fpga_frame frame = fill(&s);
  dpc_fpga_circuit c = circuit();
  c.atoms = atoms;
  c.list_words = words;
  dpc_fpga_blocks blocks;
  dpc_error error;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_OK, "%s", error.message);
  int centers = 0;
  for (size_t b = 0; b < blocks.count; b++) {
    const dpc_fpga_block *block = &blocks.block[b];
    CHECK(block->natoms <= atoms && (int64_t)block->list_words <= words, "block %zu", b);
    const uint16_t *slot = (const uint16_t *)(block->words + 2);
    const uint16_t *end = slot + 8 * block->list_words;
    for (int i = 0; i < block->count; i++, centers++) {
      const int32_t center = block->atoms[slot[0]];
      const int beats = slot[1];
      int seen[ATOMS] = {0};
      slot += 8;
      for (int beat = 0; beat < beats; beat++) {
        int32_t type = -1;
        for (int lane = 0; lane < LANES; lane++) {
          const uint16_t at = slot[beat * LANES + lane];
          if (at == 0xffff) continue;
          const int32_t j = block->atoms[at];
          CHECK(type < 0 || type == s.type[j], "two types in a beat");
          type = s.type[j];
          seen[j]++;
        }
      }
      for (int k = 0; k < s.numneigh[center]; k++) {
        const int32_t j = s.near[center][k];
        CHECK(seen[j] == (s.type[j] >= 0), "atom %d of %d: %d times", j, center, seen[j]);
      }
      slot += (beats * LANES + 7) / 8 * 8;
    }
    CHECK(slot == end, "block %zu ends elsewhere", b);
  }
  int known = 0;
  for (int i = 0; i < ATOMS; i++) known += s.type[i] >= 0;
  CHECK(centers == known, "%d of %d centres", centers, known);
  dpc_fpga_free_blocks(&blocks);
}

static void test_too_small(void) {
  static my_system s;
  dpc_fpga_frame frame = fill(&s);
  dpc_fpga_circuit c = circuit();
  c.atoms = 5;
  dpc_fpga_blocks blocks;
  dpc_error error;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_ERROR_ARGUMENT, "fits");
  CHECK(strstr(error.message, "neighbours") != NULL, "%s", error.message);
}

/* Files stand for the devices: registers that never count up, a read that ends too early. */
static void test_xdma(const char *folder) {
  char path[512], where[256];
  dpc_fpga *fpga;
  dpc_error error;
  dpc_fpga_circuit c = circuit();
  c.timeout = 0.01;
  snprintf(where, sizeof where, "%s/card", folder);
  expect(dpc_fpga_open(&dpc_fpga_xdma, where, &c, &fpga, &error), &error, "card_user");
  const char *ends[] = {"user", "h2c_0", "c2h_0"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s_%s", where, ends[i]);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL, "%s", path);
    const uint32_t registers[64] = {ID, i == 0 ? 7 : 0};
    if (i == 0) fwrite(registers, sizeof registers, 1, file);
    fclose(file);
  }
  CHECK(dpc_fpga_open(&dpc_fpga_xdma, where, &c, &fpga, &error) == DPC_OK, "%s", error.message);
  static my_system s;
  dpc_fpga_frame frame = fill(&s);
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "has not answered");
  dpc_fpga_close(fpga);

  void *card;
  uint64_t base;
  char data[16];
  CHECK(dpc_fpga_xdma.open(where, &card, &base, &error) == DPC_OK, "%s", error.message);
  expect(dpc_fpga_xdma.dma_read(card, 0, data, sizeof data, &error), &error, "nothing more came");
  dpc_fpga_xdma.close(card);
}

static void test_xrt_is_not_here(void) {
  dpc_fpga *fpga;
  dpc_error error;
  const dpc_fpga_circuit c = circuit();
  expect(dpc_fpga_open(&dpc_fpga_xrt, "0:no.xclbin", &c, &fpga, &error), &error, "not here");
}

int main(int argc, char **argv) {
  CHECK(argc == 2, "test_fpga FOLDER");
  test_wrong_cards();
  test_hung_card();
  test_every_call_fails();
  test_blocks(64, 1024);
  test_blocks(ATOMS, 200);
  test_blocks(39, 30);
  test_too_small();
  test_xdma(argv[1]);
  test_xrt_is_not_here();
  return 0;
}
