#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dpc_model.h"
#include "error.h"
#include "manifest.h"

static const char digest_line[] = "\n \"sha256\": \"";
static const char last_bytes[] = "\"\n}\n";
enum {
  DIGEST_LINE = sizeof digest_line - 1,
  DIGEST_HEX = 2 * DPC_SHA256_BYTES,
  LAST_BYTES = sizeof last_bytes - 1,
  SMALLEST = DIGEST_LINE + DIGEST_HEX + LAST_BYTES
};
static const size_t LARGEST = (size_t)1 << 20;

typedef struct reader {
  const char *package;
  dpc_manifest *manifest;
  dpc_error *error;
  dpc_status status; /* of the first failure: the reads after it do nothing */
} reader;

static void refuse(reader *r, const char *key, const char *expected) {
  if (r->status == DPC_OK)
    r->status = dpc_fail(r->error, DPC_ERROR_FILE,
                         "%.200s: manifest.json: '%s' must be %s. Compile the model again",
                         r->package, key, expected);
}

static dpc_status damaged(const char *package, dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: manifest.json is damaged: its digest does not match. "
                  "Copy the package or compile the model again",
                  package);
}

/* The digest covers every byte before the last line that holds it. */
static dpc_status check_digest(const char *package, const dpc_file *file, dpc_error *error) {
  uint8_t expected[DPC_SHA256_BYTES], actual[DPC_SHA256_BYTES];
  if (file->size < SMALLEST || file->size > LARGEST) return damaged(package, error);
  const size_t body = file->size - SMALLEST;
  const char *tail = (const char *)file->data + body;
  if (memcmp(tail, digest_line, DIGEST_LINE) != 0 ||
      memcmp(tail + DIGEST_LINE + DIGEST_HEX, last_bytes, LAST_BYTES) != 0 ||
      !dpc_sha256_parse(tail + DIGEST_LINE, DIGEST_HEX, expected))
    return damaged(package, error);
  dpc_sha256(file->data, body, actual);
  return memcmp(expected, actual, sizeof actual) == 0 ? DPC_OK : damaged(package, error);
}

static const char *read_text(reader *r, const dpc_json *parent, const char *key) {
  const dpc_json *node = dpc_json_get(parent, key);
  if (node != NULL && node->kind == DPC_JSON_STRING && node->text[0] != '\0') return node->text;
  refuse(r, key, "a string");
  return "";
}

static int64_t read_integer(reader *r, const dpc_json *parent, const char *key, double largest) {
  const dpc_json *node = dpc_json_get(parent, key);
  if (node != NULL && node->kind == DPC_JSON_NUMBER && node->number >= 0 &&
      node->number <= largest && node->number == floor(node->number))
    return (int64_t)node->number;
  refuse(r, key, "a whole number, not negative");
  return 0;
}

static const dpc_json *read_list(reader *r, const dpc_json *parent, const char *key,
                                 dpc_json_kind kind, const char *expected) {
  static const dpc_json empty = {0};
  const dpc_json *node = dpc_json_get(parent, key);
  if (node != NULL && node->kind == kind) return node;
  refuse(r, key, expected);
  return &empty;
}

static void check_version(reader *r, const dpc_json *root, const char *key, int64_t known) {
  const int64_t version = read_integer(r, root, key, 1e9);
  if (r->status != DPC_OK || version == known) return;
  r->status = dpc_fail(
      r->error, DPC_ERROR_FILE,
      "%.200s: made for %s %lld, this libdpc reads %lld. %s:\n"
      "    dpc compile model.pt --target cpu -o %.100s",
      r->package, strcmp(key, "abi") == 0 ? "ABI" : key, (long long)version, (long long)known,
      version > known ? "Install a newer dpc, or compile the model again with this one"
                      : "Compile the model again",
      dpc_file_name(r->package));
}

static void read_type_map(reader *r, const dpc_json *model) {
  const dpc_json *list = read_list(r, model, "type_map", DPC_JSON_ARRAY, "a list of names");
  const size_t n = dpc_json_length(list);
  const char **names = r->manifest->type_map = calloc(n + 1, sizeof *names);
  if (names == NULL) {
    r->status = dpc_out_of_memory(r->error, (n + 1) * sizeof *names);
    return;
  }
  if (n == 0 || n > INT16_MAX) refuse(r, "type_map", "a list of one name or more");
  size_t i = 0;
  for (const dpc_json *node = list->child; node != NULL; node = node->next) {
    if (node->kind != DPC_JSON_STRING || node->text[0] == '\0') {
      refuse(r, "type_map", "a list of names");
      return;
    }
    for (size_t j = 0; j < i; j++)
      if (strcmp(names[j], node->text) == 0) refuse(r, "type_map", "a list of different names");
    names[i++] = node->text;
  }
  r->manifest->facts.type_map = names;
  r->manifest->facts.ntypes = (int32_t)n;
}

static uint32_t read_outputs(reader *r, const dpc_json *model) {
  static const char *const names[] = {"energy", "force", "virial", "atom_energy", "atom_virial"};
  const dpc_json *list = read_list(r, model, "outputs", DPC_JSON_ARRAY, "a list of outputs");
  uint32_t outputs = 0;
  for (const dpc_json *node = list->child; node != NULL; node = node->next)
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
      if (node->kind == DPC_JSON_STRING && strcmp(node->text, names[i]) == 0) outputs |= 1u << i;
  /* a name of a later version is none of our outputs, and asking for it fails there */
  if (outputs == 0) refuse(r, "outputs", "a list with one of energy, force, virial or more");
  return outputs;
}

static void read_model(reader *r, const dpc_json *root) {
  const dpc_json *model = read_list(r, root, "model", DPC_JSON_OBJECT, "an object");
  dpc_facts *facts = &r->manifest->facts;
  facts->size = sizeof *facts;
  facts->name = read_text(r, model, "name");
  facts->fparam = (int32_t)read_integer(r, model, "fparam", INT32_MAX);
  facts->aparam = (int32_t)read_integer(r, model, "aparam", INT32_MAX);
  facts->outputs = read_outputs(r, model);
  const dpc_json *rcut = dpc_json_get(model, "rcut");
  if (rcut != NULL && rcut->kind == DPC_JSON_NUMBER && rcut->number > 0) facts->rcut = rcut->number;
  else refuse(r, "rcut", "a positive number");
  read_type_map(r, model);
}

/* Relative, and never upwards: a package is one folder. */
static bool is_inside(const char *path) {
  if (path[0] == '/' || path[0] == '\0' || strchr(path, '\\') != NULL) return false;
  for (const char *part = path; part != NULL;) {
    const char *slash = strchr(part, '/');
    const size_t n = slash != NULL ? (size_t)(slash - part) : strlen(part);
    if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
      return false;
    part = slash != NULL ? slash + 1 : NULL;
  }
  return true;
}

static void read_files(reader *r, const dpc_json *root) {
  const dpc_json *list = read_list(r, root, "files", DPC_JSON_OBJECT, "an object of files");
  dpc_manifest *manifest = r->manifest;
  const size_t n = dpc_json_length(list);
  manifest->files = calloc(n + 1, sizeof *manifest->files);
  if (manifest->files == NULL) {
    r->status = dpc_out_of_memory(r->error, (n + 1) * sizeof *manifest->files);
    return;
  }
  for (const dpc_json *node = list->child; node != NULL; node = node->next) {
    dpc_manifest_file *file = &manifest->files[manifest->count++];
    file->path = node->key;
    file->size = (uint64_t)read_integer(r, node, "size", 9007199254740992.0 /* 2^53 */);
    const char *hex = read_text(r, node, "sha256");
    if (!dpc_sha256_parse(hex, strlen(hex), file->sha256))
      refuse(r, "sha256", "64 lower-case hexadecimal digits");
    if (!is_inside(file->path)) refuse(r, "files", "relative paths inside the package");
  }
}

static dpc_place place_of(const char *kind) {
  static const struct {
    const char *kind;
    dpc_place place;
  } known[] = {{"cpu", DPC_ON_HOST},
               {"fpga", DPC_ON_HOST},
               {"cuda", DPC_ON_GPU},
               {"rocm", DPC_ON_GPU},
               {"opencl", DPC_ON_GPU}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(kind, known[i].kind) == 0) return known[i].place;
  return DPC_NOWHERE;
}

dpc_status dpc_manifest_read(const char *package, const dpc_file *file, dpc_manifest *manifest,
                             dpc_error *error) {
  const char *problem;
  size_t where;
  reader r = {.package = package, .manifest = manifest, .error = error};
  *manifest = (dpc_manifest){0};
  r.status = check_digest(package, file, error);
  if (r.status != DPC_OK) return r.status;
  if (!dpc_json_parse((const char *)file->data, file->size, &manifest->document, &problem, &where))
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: manifest.json: byte %zu: %s. Compile the model again", package, where,
                    problem);
  const dpc_json *root = manifest->document.root;
  check_version(&r, root, "format", DPC_FORMAT);
  check_version(&r, root, "abi", DPC_ABI);
  const dpc_json *target = read_list(&r, root, "target", DPC_JSON_OBJECT, "an object");
  manifest->kind = read_text(&r, target, "kind");
  manifest->place = place_of(manifest->kind);
  if (manifest->place != DPC_NOWHERE) manifest->arch = read_text(&r, target, "arch");
  manifest->facts.precision = read_text(&r, target, "precision");
  read_model(&r, root);
  read_files(&r, root);
  if (r.status != DPC_OK) dpc_manifest_free(manifest);
  return r.status;
}

void dpc_manifest_free(dpc_manifest *manifest) {
  dpc_json_free(&manifest->document);
  free(manifest->type_map);
  free(manifest->files);
  *manifest = (dpc_manifest){0};
}

const dpc_manifest_file *dpc_manifest_find(const dpc_manifest *manifest, const char *path) {
  for (size_t i = 0; i < manifest->count; i++)
    if (strcmp(manifest->files[i].path, path) == 0) return &manifest->files[i];
  return NULL;
}
