/* Damages a package at every class of byte position and opens it each time. A damaged file
 * is refused with a sentence: never a crash (run this under the sanitizers), never a number.
 * The package is a copy that the caller lends: fuzz PACKAGE FILE... */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "sha256.h"

enum { EVERY_BYTE = 3000, SAMPLES = 600, HEX = 64, TAIL = 12 + HEX + 4 };

static char path[4096];
static const char *package;

static uint8_t *read_file(size_t *size) {
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL, "%s", path);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *data = malloc(*size + 1);
  CHECK(fread(data, 1, *size, file) == *size, "%s", path);
  fclose(file);
  return data;
}

/* Never in place: what is mapped or loaded must not change under a running program. */
static void write_file(const uint8_t *data, size_t size) {
  unlink(path);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(data, 1, size, file) == size, "%s", path);
  fclose(file);
}

static dpc_status open_once(uint32_t flags, dpc_error *error) {
  const dpc_options options = {.size = sizeof options, .device = -1, .flags = flags};
  dpc_model *model = NULL;
  const dpc_status status = dpc_open(package, &options, &model, error);
  CHECK((status == DPC_OK) == (model != NULL), "status %d, model %p", status, (void *)model);
  CHECK(status == DPC_OK || error->message[0] != '\0', "no message for status %d", status);
  CHECK(strlen(error->message) < sizeof error->message, "message without an end");
  dpc_close(model);
  return status;
}

static void refused(const char *what, size_t at) {
  dpc_error error;
  CHECK(open_once(0, &error) == DPC_ERROR_FILE, "%s: %s at %zu: status %d: %s", path, what, at,
        error.status, error.message);
}

static void flip_and_cut(void) {
  size_t size;
  uint8_t *data = read_file(&size);
  const size_t step = size <= EVERY_BYTE ? 1 : size / SAMPLES;
  for (size_t at = 0; at < size; at += step == 1 ? 1 : 1 + (size_t)(uniform() * 2 * (double)step)) {
    const uint8_t before = data[at];
    data[at] = (uint8_t)(before ^ 1u << (at % 8));
    write_file(data, size);
    refused("a flipped bit", at);
    data[at] = before;
    if (at % 5 == 0) {
      write_file(data, at);
      refused("cut", at);
    }
  }
  data[size] = '\n';
  write_file(data, size + 1);
  refused("a byte too many", size);
  unlink(path);
  refused("missing", 0);
  write_file(data, size);
  free(data);
}

static void sign(uint8_t *data, size_t size) {
  uint8_t digest[DPC_SHA256_BYTES];
  dpc_sha256(data, size - TAIL, digest);
  for (int i = 0; i < DPC_SHA256_BYTES; i++) {
    char hex[3];
    snprintf(hex, sizeof hex, "%02x", digest[i]);
    memcpy(data + size - TAIL + 12 + 2 * i, hex, 2);
  }
}

/* A manifest with a mistake and a good digest: any answer but a crash. */
static void change_manifest(void) {
  static const char letters[] = "{}[]\",:\\/u0e-+.19tfn \xc3\xe9\xff";
  size_t size;
  uint8_t *good = read_file(&size), *data = malloc(size);
  for (int round = 0; round < 3000; round++) {
    memcpy(data, good, size);
    for (int k = (int)(3 * uniform()); k >= 0; k--)
      data[(size_t)(uniform() * (double)(size - TAIL))] =
          (uint8_t)letters[(size_t)(uniform() * (double)(sizeof letters - 1))];
    sign(data, size);
    write_file(data, size);
    dpc_error error;
    open_once(DPC_OPEN_UNVERIFIED, &error); /* goes further without the other digests */
  }
  write_file(good, size);
  free(good);
  free(data);
}

int main(int argc, char **argv) {
  dpc_error error;
  CHECK(argc > 2, "usage: %s PACKAGE FILE...", argv[0]);
  package = argv[1];
  CHECK(open_once(0, &error) == DPC_OK, "%s", error.message);
  for (int i = 2; i < argc; i++) {
    snprintf(path, sizeof path, "%s/%s", package, argv[i]);
    flip_and_cut();
  }
  snprintf(path, sizeof path, "%s/manifest.json", package);
  change_manifest();
  CHECK(open_once(0, &error) == DPC_OK, "%s", error.message);
  return 0;
}
