/* fpga_frame LIBRARY FOLDER TIMES: a frame through the driver and the simulated circuit.
 *
 * FOLDER holds circuit.bin (int64: hash, lanes, atoms, list words, ntypes; double: biases),
 * words.bin (uint64), frame.bin (int32: nloc, nall, slots; types; list with -1) and coord.bin
 * (double). Written there: result.bin (double: energy, virial, forces, energies of atoms).
 */
#include "check.h"
#include "fpga.h"

static void *read_file(const char *folder, const char *name, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL, "%s", path);
  CHECK(fseek(file, 0, SEEK_END) == 0, "%s", path);
  *size = (size_t)ftell(file);
  rewind(file);
  void *data = malloc(*size);
  CHECK(data != NULL && fread(data, 1, *size, file) == *size, "%s", path);
  fclose(file);
  return data;
}

int main(int argc, char **argv) {
  CHECK(argc == 4, "fpga_frame LIBRARY FOLDER TIMES");
  size_t size, words_size;
  int64_t *facts = read_file(argv[2], "circuit.bin", &size);
  uint64_t *words = read_file(argv[2], "words.bin", &words_size);
  int32_t *given = read_file(argv[2], "frame.bin", &size);
  double *coord = read_file(argv[2], "coord.bin", &size);
  const dpc_fpga_circuit circuit = {.hash = (uint64_t)facts[0],
                                    .lanes = (int32_t)facts[1],
                                    .atoms = (int32_t)facts[2],
                                    .list_words = facts[3],
                                    .history_beats = facts[4],
                                    .ntypes = (int32_t)facts[5]};
  const double *bias = (const double *)(facts + 6);
  const int32_t nloc = given[0], nall = given[1], slots = given[2];
  const int32_t *list = given + 3 + nall;
  int32_t *numneigh = malloc((size_t)nloc * sizeof *numneigh);
  int32_t *centers = malloc((size_t)nloc * sizeof *centers);
  int32_t *energy = calloc((size_t)nloc, sizeof *energy);
  const int32_t **lists = malloc((size_t)nloc * sizeof *lists);
  double *result = calloc((size_t)(10 + 3 * nall + nloc), sizeof *result);
  CHECK(centers != NULL && energy != NULL && numneigh != NULL && lists != NULL && result != NULL,
        "memory");
  for (int32_t i = 0; i < nloc; i++) {
    centers[i] = i;
    lists[i] = list + (ptrdiff_t)i * slots;
    for (numneigh[i] = 0; numneigh[i] < slots && lists[i][numneigh[i]] >= 0;) numneigh[i]++;
  }
  dpc_fpga *fpga;
  dpc_error error;
  CHECK(dpc_fpga_open(&dpc_fpga_sim, argv[1], &circuit, &fpga, &error) == DPC_OK, "%s",
        error.message);
  CHECK(dpc_fpga_load(fpga, words, words_size / sizeof *words, &error) == DPC_OK, "%s",
        error.message);
  dpc_fpga_frame frame = {.nall = nall,
                          .count = nloc,
                          .coord = coord,
                          .type = given + 3,
                          .centers = centers,
                          .numneigh = numneigh,
                          .neighbors = lists,
                          .mask = ~0,
                          .virial = result + 1,
                          .force = result + 10,
                          .energy = energy};
  for (int times = atoi(argv[3]); times > 0; times--) {
    CHECK(dpc_fpga_evaluate(fpga, &frame, &error) == DPC_OK, "%s", error.message);
    frame.same_list = 1;
  }
  for (int32_t i = 0; i < nloc; i++) {
    const double own = energy[i] * 0x1p-24 + bias[given[3 + i]];
    result[10 + 3 * nall + i] = own;
    result[0] += own;
  }
  char path[512];
  snprintf(path, sizeof path, "%s/result.bin", argv[2]);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL, "%s", path);
  fwrite(result, sizeof *result, (size_t)(10 + 3 * nall + nloc), file);
  fclose(file);
  dpc_fpga_close(fpga);
  free(facts), free(words), free(given), free(coord), free(numneigh), free(lists), free(centers),
      free(energy), free(result);
  return 0;
}
