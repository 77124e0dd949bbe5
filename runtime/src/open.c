#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "device_fpga.h"
#include "error.h"
#include "isa.h"

static const char host_path[] = "bin/host.so", params_path[] = "params.safetensors";

/* The caller's options, of whatever version, as this one knows them. */
static dpc_status read_options(const dpc_options *given, dpc_options *options, dpc_error *error) {
  static const size_t oldest = offsetof(dpc_options, device_bytes);
  *options = (dpc_options){.device = -1};
  if (given == NULL) return DPC_OK;
  if (given->size < oldest)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_options.size is %u, but must be sizeof(dpc_options), %zu", given->size,
                    sizeof *given);
  memcpy(options, given, given->size < sizeof *options ? given->size : sizeof *options);
  return DPC_OK;
}

static dpc_status check_options(const dpc_options *options, dpc_error *error) {
  if (options->threads < 0 || options->threads > DPC_MAX_THREADS)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_options.threads is %d, but must be 0 to %d (0 means 1)", options->threads,
                    DPC_MAX_THREADS);
  if (options->device < -1)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_options.device is %d, but must be a device's index, or -1 to choose",
                    options->device);
  if (options->flags & ~(uint32_t)(DPC_OPEN_UNVERIFIED | DPC_STRICT | DPC_DETERMINISTIC))
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_options.flags is 0x%x: an unknown flag",
                    options->flags);
  return DPC_OK;
}

static dpc_status check_target(const dpc_model *model, const dpc_options *options,
                               dpc_error *error) {
  const char *kind = model->manifest.kind, *name = options->device_name;
  const int32_t device = options->device;
  if (name != NULL && *name != '\0' && strcmp(kind, "fpga") != 0 &&
      (strcmp(kind, "cpu") != 0 || strcmp(name, "host") != 0))
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "%.200s: made for the target '%.40s', which has no device '%.100s': names of "
                    "devices are for packages for an FPGA, a GPU is chosen by its number",
                    model->name, kind, name);
  if (model->manifest.place == DPC_ON_GPU) return DPC_OK; /* which has devices to choose from */
  if (model->manifest.place == DPC_NOWHERE)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "%.200s: made for the target '%.40s', but this libdpc runs cpu, cuda, rocm, "
                    "opencl and fpga. Compile it:\n"
                    "    dpc compile model.pt --target cpu -o %.100s",
                    model->name, kind, model->name);
  if (strcmp(kind, "fpga") == 0)
    return DPC_OK; /* its arch is that of the card; dpc_library_open checks the host */
  if (device > 0)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "%.200s: made for the cpu, which is device 0: there is no device %d",
                    model->name, device);
  return dpc_isa_check(model->name, model->manifest.arch, error);
}

dpc_status dpc_check_file(const dpc_model *model, const dpc_manifest_file *entry,
                          const dpc_file *file, dpc_error *error) {
  uint8_t digest[DPC_SHA256_BYTES];
  if (file->size != entry->size)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: %.100s has %zu bytes, but the manifest says %llu. "
                    "Copy the package or compile the model again",
                    model->name, entry->path, file->size, (unsigned long long)entry->size);
  if (model->flags & DPC_OPEN_UNVERIFIED) return DPC_OK;
  dpc_sha256(file->data, file->size, digest);
  if (memcmp(digest, entry->sha256, sizeof digest) == 0) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: %.100s is damaged: its SHA-256 is not the manifest's. "
                  "Copy the package or compile the model again",
                  model->name, entry->path);
}

/* Maps and checks every file that the manifest names; keeps those that run. */
static dpc_status open_files(dpc_model *model, const char *folder, dpc_file *host,
                             dpc_error *error) {
  for (size_t i = 0; i < model->manifest.count; i++) {
    const dpc_manifest_file *entry = &model->manifest.files[i];
    dpc_file file = {0};
    dpc_status status = dpc_file_map(folder, entry->path, &file, error);
    if (status == DPC_OK) status = dpc_check_file(model, entry, &file, error);
    if (status == DPC_OK && strcmp(entry->path, host_path) == 0) *host = file;
    else if (status == DPC_OK && strcmp(entry->path, params_path) == 0) model->params = file;
    else dpc_file_unmap(&file);
    if (status != DPC_OK) return status;
  }
  const char *missing = host->data == NULL           ? host_path
                        : model->params.data == NULL ? params_path
                                                     : NULL;
  if (missing == NULL) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: manifest.json does not name %s. Compile the model again", model->name,
                  missing);
}

static dpc_status check_folder(const char *folder, dpc_error *error) {
  struct stat facts;
  const bool there = stat(folder, &facts) == 0;
  if (there && S_ISDIR(facts.st_mode)) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.300s: %s. A compiled package is a folder that this command writes:\n"
                  "    dpc compile model.pt --target cpu -o model.dpc",
                  folder, there ? "is not a compiled package" : "no such package");
}

static dpc_status open_folder(dpc_model *model, const char *folder, const dpc_options *options,
                              dpc_error *error) {
  dpc_file text = {0}, host = {0};
  dpc_status status = check_folder(folder, error);
  if (status == DPC_OK) status = dpc_file_map(folder, "manifest.json", &text, error);
  if (status != DPC_OK) return status;
  status = dpc_manifest_read(model->name, &text, &model->manifest, error);
  dpc_file_unmap(&text);
  if (status == DPC_OK) status = check_target(model, options, error);
  if (status == DPC_OK) status = open_files(model, folder, &host, error);
  if (status == DPC_OK) {
    const dpc_manifest_file *entry = dpc_manifest_find(&model->manifest, host_path);
    status = dpc_library_open(model, folder, entry, &host, error);
  }
  if (status == DPC_OK && model->manifest.place == DPC_ON_GPU)
    status = dpc_device_model_open(model, folder, options, error);
  const char *kind = model->manifest.kind, *arch = model->manifest.arch;
  char device[320] = "";
  if (status == DPC_OK && strcmp(kind, "fpga") == 0)
    status = dpc_fpga_model_open(model, folder, options, device, sizeof device, error);
  dpc_file_unmap(&host);
  if (status != DPC_OK) return status;

  const size_t size = strlen(kind) + strlen(arch) + strlen(device) + 3;
  model->target = malloc(size);
  if (model->target == NULL) return dpc_out_of_memory(error, size);
  snprintf(model->target, size, "%s %s%s%s", kind, arch, *device != '\0' ? " " : "", device);
  model->manifest.facts.target = model->target;
  return DPC_OK;
}

dpc_status dpc_open(const char *path, const dpc_options *given, dpc_model **model,
                    dpc_error *error) {
  if (model == NULL) return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_open: model is NULL");
  *model = NULL;
  if (path == NULL || path[0] == '\0')
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_open: path is NULL or empty");
  dpc_options options;
  dpc_status status = read_options(given, &options, error);
  if (status == DPC_OK) status = check_options(&options, error);
  if (status != DPC_OK) return status;

  dpc_model *opened = calloc(1, sizeof *opened);
  char *name = malloc(strlen(path) + 1);
  if (opened == NULL || name == NULL) {
    free(opened);
    free(name);
    return dpc_out_of_memory(error, sizeof *opened + strlen(path));
  }
  strcpy(name, dpc_file_name(path));
  const size_t end = strcspn(name, "/"); /* "water.dpc/" is water.dpc */
  if (end > 0) name[end] = '\0';
  atomic_init(&opened->owners, 1);
  opened->name = name;
  opened->threads = options.threads > 0 ? options.threads : 1;
  opened->flags = options.flags;
  status = open_folder(opened, path, &options, error);
  if (status != DPC_OK) {
    dpc_close(opened);
    return status;
  }
  *model = opened;
  return dpc_succeed(error);
}
