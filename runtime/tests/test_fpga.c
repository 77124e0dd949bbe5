/* The driver of a card against cards that fail, and the cutting of systems into blocks.
 *
 * test_fpga FOLDER: it takes files that stand for the devices of xdma.
 */
#include <math.h>

#include "check.h"
#include "fpga.h"
#include "fpga_blocks.h"
#include "fpga_commands.h"
#include "fpga_driver.h"
#include "fpga_regs.h"

enum { ID = 0x31435044, ATOMS = 40, LANES = 2 };

/* ---- a card that answers as told */
enum { EVENTS = 4096 };
typedef struct fake {
  uint32_t id, hash, status, done;
  int hangs, fails_after; /* calls */
  int calls;
  char events[EVENTS]; /* S: a job starts, D: DONE is read, W: to the card, R: from it */
  int nevents;
  size_t written; /* bytes */
} fake;

static fake told = {.id = ID, .hash = 7};

static void note(char event) {
  CHECK(told.nevents + 1 < EVENTS, "too many events");
  told.events[told.nevents++] = event;
  told.events[told.nevents] = '\0';
}

static dpc_status count(dpc_error *error) {
  if (told.fails_after > 0 && ++told.calls > told.fails_after)
    return dpc_fail(error, DPC_ERROR_DEVICE, "fake: call %d fails", told.calls);
  return DPC_OK;
}

static dpc_status fake_open(const char *where, void **card, uint64_t *base, dpc_error *error) {
  (void)where, (void)error;
  *card = &told;
  *base = 0;
  told.calls = told.nevents = 0;
  told.written = 0;
  return DPC_OK;
}

static void fake_close(void *card) { (void)card; }

static dpc_status fake_reg_read(void *card, uint32_t addr, uint32_t *value, dpc_error *error) {
  (void)card;
  if (addr == DPC_REG_DONE) note('D');
  *value = addr == DPC_REG_ID         ? told.id
           : addr == DPC_REG_HASH_LOW ? told.hash
           : addr == DPC_REG_STATUS   ? told.status
           : addr == DPC_REG_DONE     ? told.done
                                      : 0;
  return count(error);
}

static dpc_status fake_reg_write(void *card, uint32_t addr, uint32_t value, dpc_error *error) {
  (void)card;
  if (addr == DPC_REG_CONTROL && value == 1) note('S');
  if (addr == DPC_REG_CONTROL && value == 1 && !told.hangs) told.done++;
  return count(error);
}

static dpc_status fake_dma_write(void *card, uint64_t addr, const void *data, size_t size,
                                 dpc_error *error) {
  (void)card, (void)addr, (void)data;
  note('W');
  told.written += size;
  return count(error);
}

static dpc_status fake_dma_read(void *card, uint64_t addr, void *data, size_t size,
                                dpc_error *error) {
  (void)card, (void)addr;
  note('R');
  memset(data, 0, size);
  return count(error);
}

static dpc_status fake_wait(void *card, double *waited, dpc_error *error) {
  (void)card;
  *waited += 0.25;
  return count(error);
}

static const dpc_fpga_transport transport = {
    "fake",        1.0,           UINT64_C(1) << 32, fake_open,
    fake_close,    fake_reg_read, fake_reg_write,    fake_dma_write,
    fake_dma_read, fake_wait};

static dpc_fpga_circuit circuit(void) {
  return (dpc_fpga_circuit){
      .hash = 7, .lanes = LANES, .atoms = 64, .list_words = 1024, .history_beats = 64, .ntypes = 2};
}

static const uint64_t model[3] = {1, 2, 3};

/* ---- a system: everybody's neighbour is everybody */
typedef struct system {
  double coord[3 * ATOMS], force[3 * ATOMS], virial[9];
  int32_t energy[ATOMS], centers[ATOMS], type[ATOMS], numneigh[ATOMS], near[ATOMS][ATOMS];
  const int32_t *lists[ATOMS];
} my_system;

static dpc_fpga_frame fill(my_system *s) {
  int32_t count = 0;
  for (int i = 0; i < ATOMS; i++) {
    s->type[i] = i % 7 == 6 ? -1 : i % 2;
    for (int k = 0; k < 3; k++) s->coord[3 * i + k] = 10 * uniform();
    if (s->type[i] < 0) continue;
    s->centers[count] = i;
    s->numneigh[count] = 0;
    s->lists[count] = s->near[i];
    for (int j = 0; j < ATOMS; j++)
      if (j != i && (j + i) % 3) s->near[i][s->numneigh[count]++] = j;
    count++;
  }
  return (dpc_fpga_frame){.nall = ATOMS,
                          .count = count,
                          .coord = s->coord,
                          .type = s->type,
                          .centers = s->centers,
                          .numneigh = s->numneigh,
                          .neighbors = s->lists,
                          .mask = ~0,
                          .force = s->force,
                          .virial = s->virial,
                          .energy = s->energy};
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
  CHECK(dpc_fpga_load(fpga, model, 3, &error) == DPC_OK, "%s", error.message);
  told.hangs = 1;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "has not answered in 1 s");
  told.hangs = 0;
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
  told.status = 2;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "unknown command");
  told.status = 16;
  expect(dpc_fpga_evaluate(fpga, &frame, &error), &error, "memory does not answer");
  told.status = 0;
  told.done = 0; /* what it counts does not matter */
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
    told.fails_after = after;
    dpc_status status = dpc_fpga_open(&transport, NULL, &c, &fpga, &error);
    if (status == DPC_OK) status = dpc_fpga_load(fpga, model, 3, &error);
    if (status == DPC_OK) status = dpc_fpga_evaluate(fpga, &frame, &error);
    last = status == DPC_OK;
    if (!last) expect(status, &error, "fake: call");
    dpc_fpga_close(fpga);
    CHECK(after < 1000, "never ends");
  }
  told.fails_after = 0;
}

static void expect_events(const char *wanted, size_t bytes) {
  CHECK(strcmp(told.events, wanted) == 0, "%s, not %s", told.events, wanted);
  CHECK(told.written == bytes, "%zu bytes, not %zu", told.written, bytes);
  told.nevents = 0;
  told.written = 0;
}

/* While the card has a job, the results before come and the positions after go. Lists go once. */
static void test_overlap(void) {
  static my_system s;
  dpc_fpga *fpga;
  dpc_error error;
  dpc_fpga_circuit c = circuit();
  dpc_fpga_frame frame = fill(&s);
  dpc_fpga_blocks blocks = {0};
  c.list_words = 60;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_OK, "%s", error.message);
  CHECK(blocks.count == 3, "%zu blocks", blocks.count);
  size_t positions = 0, lists = 0;
  for (size_t i = 0; i < blocks.count; i++) {
    positions += ((size_t)blocks.block[i].natoms + 3) * DPC_FPGA_WORD;
    lists += blocks.block[i].list_words * DPC_FPGA_WORD;
  }
  dpc_fpga_free_blocks(&blocks);
  CHECK(dpc_fpga_open(&transport, NULL, &c, &fpga, &error) == DPC_OK, "%s", error.message);
  CHECK(dpc_fpga_load(fpga, model, 3, &error) == DPC_OK, "%s", error.message);
  told.nevents = 0;
  told.written = 0;
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
  /* a start reads DONE first, so that "DS" is a start, and the D before the next one its end */
  expect_events("WWWWDSWDDSRWDDSRDR", lists + positions);
  frame.same_list = 1;
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
  expect_events("WDSWDDSRWDDSRDR", positions);
  frame.same_list = 0;
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
  expect_events("WWWWDSWDDSRWDDSRDR", lists + positions);
  dpc_fpga_close(fpga);
}

/* Lists that do not fit the card's memory, and a model that does not. */
static void test_little_memory(void) {
  static my_system s;
  dpc_fpga *fpga;
  dpc_error error;
  const dpc_fpga_circuit c = circuit();
  dpc_fpga_transport little = transport;
  dpc_fpga_frame frame = fill(&s);
  little.memory = 3 * DPC_FPGA_PAGE;
  CHECK(dpc_fpga_open(&little, NULL, &c, &fpga, &error) == DPC_OK, "%s", error.message);
  CHECK(dpc_fpga_load(fpga, model, 3, &error) == DPC_OK, "%s", error.message);
  CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_ERROR_LIMIT, "fits");
  CHECK(strstr(error.message, "among several cards") != NULL, "%s", error.message);
  CHECK(dpc_fpga_load(fpga, model, 3000, &error) == DPC_ERROR_LIMIT, "fits");
  dpc_fpga_close(fpga);
}

/* Every neighbour is in exactly one beat, of its type; centres come first. */
static void check_centers(const my_system *s, const dpc_fpga_blocks *blocks,
                          const dpc_fpga_block *block, size_t words) {
  const int32_t *atoms = blocks->atoms + block->atoms;
  const uint16_t *slot = (const uint16_t *)(blocks->words + 2 * (block->words + 1));
  const uint16_t *end = slot + 8 * words;
  for (int i = 0; i < block->count; i++) {
    const int32_t number = blocks->order[block->first + i], center = s->centers[number];
    const int beats = slot[1];
    int seen[ATOMS] = {0};
    CHECK(atoms[slot[0]] == center && slot[0] == i, "centre %d", i);
    slot += 8;
    for (int beat = 0; beat < beats; beat++) {
      int32_t type = -1;
      for (int lane = 0; lane < LANES; lane++) {
        const uint16_t at = slot[beat * LANES + lane];
        if (at == 0xffff) continue;
        CHECK(at < block->natoms, "atom %d of a block", at);
        const int32_t j = atoms[at];
        CHECK(type < 0 || type == s->type[j], "two types in a beat");
        type = s->type[j];
        seen[j]++;
      }
    }
    for (int k = 0; k < s->numneigh[number]; k++) {
      const int32_t j = s->lists[number][k];
      CHECK(seen[j] == (s->type[j] >= 0), "atom %d of %d: %d times", j, center, seen[j]);
    }
    slot += (beats * LANES + 7) / 8 * 8;
  }
  CHECK(slot == end, "the list ends elsewhere");
}

/* A header at `word`, and how many words belong to it. */
static size_t expect_command(const dpc_fpga_blocks *blocks, size_t word, uint64_t command) {
  const uint64_t *header = blocks->words + 2 * word;
  CHECK((header[0] & UINT32_MAX) == command && header[1] == 0, "word %zu: %llx", word,
        (unsigned long long)header[0]);
  return (size_t)(header[0] >> 32);
}

static void test_blocks(int32_t atoms, int64_t words) {
  static my_system s;
  dpc_fpga_frame frame = fill(&s);
  dpc_fpga_circuit c = circuit();
  c.atoms = atoms;
  c.list_words = words;
  dpc_fpga_blocks blocks = {0};
  dpc_error error;
  int seen[ATOMS] = {0};
  for (int times = 0; times < 2; times++) /* the second reuses the memory of the first */
    CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_OK, "%s", error.message);
  for (size_t b = 0; b < blocks.count; b++) {
    const dpc_fpga_block *block = &blocks.block[b];
    size_t at = block->words;
    CHECK(at % (DPC_FPGA_PAGE / DPC_FPGA_WORD) == 0, "block %zu begins at %zu", b, at);
    const size_t list = expect_command(&blocks, at, DPC_FPGA_LIST);
    CHECK(block->natoms <= atoms && (int64_t)list <= words, "block %zu", b);
    at += list + 1;
    at += expect_command(&blocks, at, DPC_FPGA_LOAD) + 1; /* of nothing */
    CHECK(at == block->words + block->list_words && block->list_words % 256 == 0, "%zu", at);
    CHECK(expect_command(&blocks, at, DPC_FPGA_COORD) == (size_t)block->natoms, "positions");
    at += (size_t)block->natoms + 1;
    CHECK(expect_command(&blocks, at++, DPC_FPGA_RUN) == list, "run");
    expect_command(&blocks, at++, DPC_FPGA_READ | DPC_FPGA_READ_VIRIAL);
    CHECK(at == block->words + dpc_fpga_block_words(block), "block %zu ends elsewhere", b);
    check_centers(&s, &blocks, block, list);
    for (int i = 0; i < block->count; i++) seen[blocks.order[block->first + i]]++;
  }
  for (int i = 0; i < frame.count; i++) CHECK(seen[i] == 1, "centre %d: %d times", i, seen[i]);
  dpc_fpga_free_blocks(&blocks);
}

/* Positions as floor(x 2^22 + 1/2), modulo 2^32: ties, what almost is one, large numbers. */
static void test_fixed_point(void) {
  enum { MANY = 1000 };
  static double coord[3 * MANY];
  static int32_t type[MANY], records[4 * MANY];
  static const double units[] = {0.5,      -0.5,  1.5,  -1.5,  0.49999999999999994, -0.0,
                                 2.5,      -2.5,  1e-9, -1e-9, 4294967296.5,        -2147483648.5,
                                 419430.5, 3.999, 1e14, -1e14, 123456789012345.5,   7.0};
  enum { UNITS = sizeof units / sizeof *units };
  for (int n = 1; n <= MANY; n += n < 8 ? 1 : 331) { /* odd and even */
    double low[3], high[3], extent;
    for (int i = 0; i < 3 * n; i++)
      coord[i] = i < UNITS ? units[i] * 0x1p-22 : 1000 * (uniform() - 0.5);
    for (int i = 0; i < n; i++) type[i] = i % 5 - 1;
    const dpc_fpga_frame frame = {.nall = n, .coord = coord, .type = type};
    dpc_error error;
    CHECK(dpc_fpga_to_fixed(&frame, records, &extent, &error) == DPC_OK, "%s", error.message);
    for (int i = 0; i < 3 * n; i++) {
      const double wanted = floor(coord[i] * 4194304.0 + 0.5);
      const int32_t found = records[i / 3 * 4 + i % 3];
      CHECK(found == (int32_t)(uint32_t)(int64_t)wanted, "%.17g: %d", coord[i], found);
      low[i % 3] = i < 3 ? wanted : fmin(low[i % 3], wanted);
      high[i % 3] = i < 3 ? wanted : fmax(high[i % 3], wanted);
    }
    for (int i = 0; i < n; i++) CHECK(records[4 * i + 3] == type[i], "type of %d", i);
    CHECK(extent == fmax(high[0] - low[0], fmax(high[1] - low[1], high[2] - low[2])), "%g", extent);
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e10};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
      coord[3 * n - 1 - (int)k % 3] = bad[k];
      CHECK(dpc_fpga_to_fixed(&frame, records, &extent, &error) == DPC_ERROR_ARGUMENT, "%g",
            bad[k]);
      coord[3 * n - 1 - (int)k % 3] = 0;
    }
  }
}

/* Of 4,096 atoms along a line, in any order, few have a neighbour in another block. */
static void test_blocks_are_compact(void) {
  enum { MANY = 4096 };
  static double coord[3 * MANY];
  static int32_t type[MANY], centers[MANY], numneigh[MANY], near[MANY][2], place[MANY], at[MANY];
  static const int32_t *lists[MANY];
  for (int i = 0; i < MANY; i++) place[i] = i;
  for (int i = MANY - 1; i > 0; i--) {
    const int j = (int)(uniform() * (i + 1)), swap = place[i];
    place[i] = place[j], place[j] = swap;
  }
  for (int i = 0; i < MANY; i++) at[place[i]] = i;
  for (int i = 0; i < MANY; i++) {
    coord[3 * i] = 2.0 * place[i];
    centers[i] = i;
    lists[i] = near[i];
    if (place[i] > 0) near[i][numneigh[i]++] = at[place[i] - 1];
    if (place[i] < MANY - 1) near[i][numneigh[i]++] = at[place[i] + 1];
  }
  const dpc_fpga_frame frame = {.nall = MANY,
                                .count = MANY,
                                .coord = coord,
                                .type = type,
                                .centers = centers,
                                .numneigh = numneigh,
                                .neighbors = lists,
                                .mask = ~0};
  dpc_fpga_circuit c = circuit();
  dpc_fpga_blocks blocks = {0};
  dpc_error error;
  c.list_words = 1 << 16;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_OK, "%s", error.message);
  CHECK(blocks.natoms <= MANY + 16 * blocks.count && blocks.count < 90, "%zu atoms in %zu blocks",
        blocks.natoms, blocks.count);
  dpc_fpga_free_blocks(&blocks);
}

static void test_too_small(void) {
  static my_system s;
  dpc_fpga_frame frame = fill(&s);
  dpc_fpga_circuit c = circuit();
  c.atoms = 5;
  dpc_fpga_blocks blocks = {0};
  dpc_error error;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_ERROR_LIMIT, "fits");
  CHECK(strstr(error.message, "neighbours") != NULL, "%s", error.message);
  c = circuit();
  size_t longest = 0; /* in beats: lists of both types */
  for (int32_t i = 0; i < frame.count; i++) {
    size_t of_type[2] = {0};
    for (int32_t k = 0; k < frame.numneigh[i]; k++) {
      const int32_t type = frame.type[frame.neighbors[i][k]];
      if (type >= 0) of_type[type]++;
    }
    const size_t beats = (of_type[0] + LANES - 1) / LANES + (of_type[1] + LANES - 1) / LANES;
    longest = beats > longest ? beats : longest;
  }
  c.history_beats = (int64_t)longest;
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_OK, "%s", error.message);
  c.history_beats--; /* the longest would wait for itself */
  CHECK(dpc_fpga_cut(&c, &frame, &blocks, &error) == DPC_ERROR_LIMIT, "fits");
  CHECK(strstr(error.message, "beats") != NULL, "%s", error.message);
  dpc_fpga_free_blocks(&blocks);
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
  dpc_fpga *second;
  expect(dpc_fpga_open(&dpc_fpga_xdma, where, &c, &second, &error), &error, "another process");
  expect(dpc_fpga_load(fpga, model, 3, &error), &error, "has not answered");
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
  test_overlap();
  test_little_memory();
  test_blocks(64, 1024);
  test_blocks(ATOMS, 200);
  test_blocks(39, 30);
  test_fixed_point();
  test_blocks_are_compact();
  test_too_small();
  test_xdma(argv[1]);
  test_xrt_is_not_here();
  return 0;
}
