/* A package for an FPGA: its card, and the steps of a session on it. */
#include "device_fpga.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENERGY_UNIT 0x1p-24 /* eV */
static const char CIRCUIT[] = "fpga/circuit.json", CONTENTS[] = "fpga/contents.bin";

static dpc_status damaged(const dpc_model *model, const char *what, dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: %s: no usable %s. Compile the model again with this dpc", model->name,
                  CIRCUIT, what);
}

/* A whole number of an object, -1 where there is none. */
static int64_t whole(const dpc_json *object, const char *key) {
  const dpc_json *node = dpc_json_get(object, key);
  if (node == NULL || node->kind != DPC_JSON_NUMBER) return -1;
  return node->number >= 0 && node->number < 9e15 && node->number == (double)(int64_t)node->number
             ? (int64_t)node->number
             : -1;
}

static bool read_numbers(const dpc_json *list, int32_t count, double *values) {
  int32_t n = 0;
  if (list == NULL || list->kind != DPC_JSON_ARRAY) return false;
  for (const dpc_json *node = list->child; node != NULL; node = node->next, n++) {
    if (n == count || node->kind != DPC_JSON_NUMBER) return false;
    values[n] = node->number;
  }
  return n == count;
}

/* Sizes, cutoffs, biases and sel into `f`; what was wrong, or NULL. */
static const char *read_circuit(const dpc_model *model, const dpc_json *root, dpc_fpga_model *f) {
  const int32_t ntypes = model->manifest.facts.ntypes;
  const dpc_json *build = dpc_json_get(root, "build"), *digest = dpc_json_get(root, "digest");
  const int64_t lanes = whole(build, "lanes"), atoms = whole(build, "atoms"),
                words = whole(build, "list_words"), beats = whole(build, "history_beats"),
                frac = whole(root, "u_frac");
  char *end = NULL;
  if (digest == NULL || digest->kind != DPC_JSON_STRING) return "digest";
  const uint64_t hash = strtoull(digest->text, &end, 16);
  if (*end != '\0' || end == digest->text) return "digest";
  if (lanes < 1 || lanes > 8 || atoms < 2 || atoms > 65534 || words < 2 || words > INT32_MAX ||
      beats < 1)
    return "build";
  f->circuit = (dpc_fpga_circuit){.hash = hash,
                                  .lanes = (int32_t)lanes,
                                  .atoms = (int32_t)atoms,
                                  .list_words = words,
                                  .history_beats = beats,
                                  .ntypes = ntypes};
  f->u_min = whole(root, "u_min");
  f->u_cut = whole(root, "u_cut");
  if (f->u_min < 0 || f->u_cut < 0 || frac < 1 || frac > 43) return "cutoff";
  f->u_frac = (int32_t)frac;
  if (!read_numbers(dpc_json_get(root, "energy_bias"), ntypes, f->bias)) return "energy_bias";
  const dpc_json *said = dpc_json_get(model->manifest.document.root, "model");
  const dpc_json *sel = dpc_json_get(said, "sel");
  if (!read_numbers(sel, ntypes, f->most)) return "sel in the manifest";
  return NULL;
}

static dpc_status map_checked(const dpc_model *model, const char *folder, const char *name,
                              dpc_file *file, dpc_error *error) {
  const dpc_manifest_file *entry = dpc_manifest_find(&model->manifest, name);
  if (entry == NULL) return damaged(model, name, error);
  const dpc_status s = dpc_file_map(folder, name, file, error);
  return s == DPC_OK ? dpc_check_file(model, entry, file, error) : s;
}

static dpc_status read_files(dpc_model *model, const char *folder, dpc_error *error) {
  dpc_fpga_model *f = model->fpga;
  dpc_file text = {0};
  dpc_json_document document;
  const char *problem = "JSON";
  size_t where;
  dpc_status s = map_checked(model, folder, CIRCUIT, &text, error);
  if (s == DPC_OK &&
      dpc_json_parse((const char *)text.data, text.size, &document, &problem, &where)) {
    problem = read_circuit(model, document.root, f);
    dpc_json_free(&document);
  }
  dpc_file_unmap(&text);
  if (s != DPC_OK) return s;
  if (problem != NULL) return damaged(model, problem, error);
  const char *timeout = getenv("DPC_FPGA_TIMEOUT");
  if (timeout != NULL) f->circuit.timeout = strtod(timeout, NULL);
  return map_checked(model, folder, CONTENTS, &f->contents, error);
}

static dpc_status new_model(dpc_model *model, dpc_error *error) {
  const size_t ntypes = (size_t)model->manifest.facts.ntypes;
  dpc_fpga_model *f = calloc(1, sizeof *f);
  if (f == NULL) return dpc_out_of_memory(error, sizeof *f);
  model->fpga = f;
  pthread_mutex_init(&f->lock, NULL);
  f->bias = calloc(ntypes, sizeof *f->bias);
  f->most = calloc(ntypes, sizeof *f->most);
  f->of_type = calloc(ntypes + 1, sizeof *f->of_type);
  if (f->bias == NULL || f->most == NULL || f->of_type == NULL)
    return dpc_out_of_memory(error, ntypes * 16);
  return DPC_OK;
}

static dpc_status open_card(dpc_model *model, const char *folder,
                            const dpc_fpga_transport *transport, const char *where,
                            dpc_error *error) {
  dpc_status s = new_model(model, error);
  if (s == DPC_OK) s = read_files(model, folder, error);
  dpc_fpga_model *f = model->fpga;
  dpc_error driver = {0};
  if (s == DPC_OK)
    s = dpc_fpga_open(transport, *where != '\0' ? where : NULL, &f->circuit, &f->card, &driver);
  if (s == DPC_OK)
    s = dpc_fpga_load(f->card, (const uint64_t *)(const void *)f->contents.data,
                      f->contents.size / sizeof(uint64_t), &driver);
  if (driver.message[0] != '\0' && s != DPC_OK)
    dpc_fail(error, s, "%.100s: %.390s", model->name, driver.message);
  if (s != DPC_OK) dpc_fpga_model_close(model);
  return s;
}

/* Without a word from the user: a card that is there and has our circuit, else the host, which
 * gives the same bits. Never the simulation, which is 10^5 times slower than a card. */
static dpc_status find_card(dpc_model *model, const char *folder, const dpc_options *options,
                            char *target, size_t size, dpc_error *error) {
  const dpc_fpga_transport *transport;
  char where[1024];
  dpc_error why = {0};
  dpc_status s =
      dpc_fpga_choose(model, folder, options, "xdma", &transport, where, sizeof where, error);
  if (s != DPC_OK) return s;
  snprintf(target, size, "on the host (the circuit's C model)");
  if (!dpc_fpga_is_there(where)) return DPC_OK;
  s = open_card(model, folder, transport, where, &why);
  if (s == DPC_OK) snprintf(target, size, "on xdma: %.200s", where);
  else if (s == DPC_ERROR_DEVICE)
    snprintf(target, size, "on the host (the circuit's C model), since %.230s", why.message);
  else return dpc_fail(error, s, "%s", why.message);
  return DPC_OK;
}

static dpc_status open_chosen(dpc_model *model, const char *folder, const dpc_options *options,
                              const char *name, char *target, size_t size, dpc_error *error) {
  const dpc_fpga_transport *transport;
  char where[1024];
  dpc_status s =
      dpc_fpga_choose(model, folder, options, name, &transport, where, sizeof where, error);
  if (s == DPC_OK && transport != NULL) s = open_card(model, folder, transport, where, error);
  if (s != DPC_OK) return s;
  const char *note = transport == &dpc_fpga_sim    ? "the circuit simulated clock by clock, slow"
                     : transport == &dpc_fpga_null ? "no device, all results are zero"
                                                   : where;
  if (transport == NULL) snprintf(target, size, "on the host (the circuit's C model)");
  else snprintf(target, size, "on %s: %.200s", transport->name, note);
  return DPC_OK;
}

dpc_status dpc_fpga_model_open(dpc_model *model, const char *folder, const dpc_options *options,
                               char *target, size_t size, dpc_error *error) {
  const char *name = options->device_name;
  if (name == NULL || *name == '\0') name = getenv("DPC_FPGA_DEVICE");
  const dpc_status s = name == NULL || *name == '\0'
                           ? find_card(model, folder, options, target, size, error)
                           : open_chosen(model, folder, options, name, target, size, error);
  if (model->fpga != NULL) model->manifest.facts.outputs &= ~(uint32_t)DPC_ATOM_VIRIAL;
  return s;
}

void dpc_fpga_model_close(dpc_model *model) {
  dpc_fpga_model *f = model->fpga;
  if (f == NULL) return;
  dpc_fpga_close(f->card);
  dpc_file_unmap(&f->contents);
  pthread_mutex_destroy(&f->lock);
  free(f->bias);
  free(f->most);
  free(f->of_type);
  free(f);
  model->fpga = NULL;
}

void dpc_fpga_forget(dpc_model *model, const dpc_session *session) {
  if (model->fpga == NULL) return;
  pthread_mutex_lock(&model->fpga->lock);
  if (model->fpga->owner == session) model->fpga->owner = NULL;
  pthread_mutex_unlock(&model->fpga->lock);
}

/* Energies in the order of the tiles, so that their sum has the bits of the C model's. */
static void add_energies(const dpc_session *s, const dpc_system *system, const int32_t *energy) {
  const double *bias = s->model->fpga->bias;
  for (int32_t k = 0; k < s->tiles.count; k++) {
    const dpc_tile_range *range = &s->tiles.ranges[k];
    double sum = 0;
    for (int32_t c = range->first; c < range->first + range->count; c++) {
      const double own = energy[c] * ENERGY_UNIT + bias[range->type];
      sum += own;
      if (system->atom_energy != NULL) system->atom_energy[s->tiles.atoms[c]] = own;
    }
    if (system->energy != NULL) system->energy[k] = sum;
  }
}

static int32_t centers_of(const dpc_tiles *tiles) {
  int32_t n = 0;
  for (int32_t k = 0; k < tiles->count; k++) n += tiles->ranges[k].count;
  return n;
}

/* What the C model would have said of atoms that are too near. */
static dpc_status explain_near(dpc_session *s, const dpc_system *system,
                               const dpc_fpga_frame *frame, dpc_error *error) {
  dpc_worker *worker = &s->workers[0];
  worker->extrapolated = dpc_fpga_count_near(s->model->fpga, frame, worker->pair);
  if (worker->pair[0] < 0) return DPC_OK;
  worker->code = DPC_TILE_COINCIDENT;
  return dpc_run_explain(s, system, worker, error);
}

dpc_status dpc_fpga_run(dpc_session *s, const dpc_system *system, dpc_error *error) {
  dpc_fpga_model *f = s->model->fpga;
  const dpc_tiles *tiles = &s->tiles;
  double virial[9] = {0};
  dpc_fpga_frame frame = {.nall = system->nall,
                          .count = centers_of(tiles),
                          .coord = system->coord,
                          .type = system->type,
                          .centers = tiles->atoms,
                          .numneigh = tiles->numneigh,
                          .neighbors = tiles->neighbors,
                          .mask = tiles->mask,
                          .force = system->force,
                          .virial = virial};
  dpc_worker *worker = &s->workers[0];
  worker->extrapolated = 0;
  worker->code = DPC_TILE_OK;
  dpc_status status = dpc_reserve(&s->fpga_energy, (size_t)frame.count, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  frame.energy = s->fpga_energy.data;
  pthread_mutex_lock(&f->lock);
  frame.same_list = f->owner == s && f->generation == tiles->generation;
  f->owner = NULL; /* a failure below must not pass for this list */
  status = dpc_fpga_evaluate(f->card, &frame, error);
  if (status == DPC_OK) {
    f->owner = s;
    f->generation = tiles->generation;
    if (s->counted != tiles->generation)
      worker->sel_overflow = dpc_fpga_count_sel(f, &frame, dpc_fpga_records(f->card), f->of_type);
    s->counted = tiles->generation;
  }
  pthread_mutex_unlock(&f->lock);
  if (status == DPC_OK && frame.status & DPC_FPGA_TOO_NEAR)
    status = explain_near(s, system, &frame, error);
  if (status != DPC_OK) return status;
  add_energies(s, system, frame.energy);
  /* moments are whole multiples of 2^-20 eV: their sum is exact in any order */
  if (system->virial != NULL && tiles->count > 0) memcpy(system->virial, virial, sizeof virial);
  return DPC_OK;
}
