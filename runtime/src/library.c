#define _GNU_SOURCE /* dlopen under -std=c11 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "isa.h"
#include "model.h"

/* "folder/bin/host.so" with 32 bits of its digest spelled in "/" and "/.", which change
 * nothing for the file system. The dynamic linker looks for a loaded library of the same
 * name before it looks at the file: without this, a package that is compiled again while
 * the old one is open would run the old code with the new numbers. */
static char *spell(const char *folder, const dpc_manifest_file *entry) {
  enum { DIGEST_BYTES = 4, LONGEST_BIT = 2 };
  const char *slash = strrchr(entry->path, '/');
  const size_t head = strlen(folder) + 1 + (slash != NULL ? (size_t)(slash - entry->path) : 0);
  const size_t all = strlen(folder) + 1 + strlen(entry->path) + 1;
  char *plain = dpc_file_join(folder, entry->path);
  char *path = malloc(all + DIGEST_BYTES * 8 * LONGEST_BIT);
  if (plain != NULL && path != NULL) {
    char *end = path;
    memcpy(end, plain, head);
    end += head;
    for (int bit = 0; bit < DIGEST_BYTES * 8; bit++) {
      *end++ = '/';
      if (entry->sha256[bit / 8] >> (bit % 8) & 1) *end++ = '.';
    }
    memcpy(end, plain + head, all - head);
  } else {
    free(path);
    path = NULL;
  }
  free(plain);
  return path;
}

/* The file that was checked must be the one that was loaded. */
static dpc_status check_same_file(const char *package, const char *path, const dpc_file *file,
                                  dpc_error *error) {
  struct stat now;
  if (stat(path, &now) == 0 && now.st_dev == file->device && now.st_ino == file->inode)
    return DPC_OK;
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: was replaced while it was being opened. Open it again", package);
}

/* Entries may lack what later versions added. */
static const size_t OLDEST_ENTRY = offsetof(dpc_model_abi, device);

static dpc_status check_entry(const dpc_model *model, dpc_error *error) {
  const dpc_model_abi *abi = model->abi;
  const bool is_for_device = model->manifest.place == DPC_ON_GPU;
  const char *wrong = NULL;
  if (abi->abi != DPC_ABI)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: bin/host.so was made for ABI %u, this libdpc reads %d. "
                    "Compile the model again:\n    dpc compile model.pt --target cpu -o %.100s",
                    model->name, abi->abi, DPC_ABI, model->name);
  if (abi->size < OLDEST_ENTRY || abi->isa == NULL) wrong = "its entry is too short";
  else if (is_for_device != (abi->size >= sizeof *abi && abi->device != NULL))
    wrong = is_for_device ? "it has no code for a device" : "it is for a device";
  else if (!is_for_device && (abi->tile == NULL || abi->workspace == NULL))
    wrong = "its entry has no functions";
  else if (abi->tile_atoms < 1) wrong = "its tiles hold no atom";
  else if (abi->ntypes != model->manifest.facts.ntypes) wrong = "it has other types";
  else if (abi->params_bytes != model->params.size) wrong = "params.safetensors is not its own";
  if (wrong != NULL)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: bin/host.so does not fit the manifest: %s. Compile the model again",
                    model->name, wrong);
  return dpc_isa_check(model->name, abi->isa, error);
}

dpc_status dpc_library_open(dpc_model *model, const char *folder, const dpc_manifest_file *entry,
                            const dpc_file *file, dpc_error *error) {
  char *path = spell(folder, entry);
  if (path == NULL) return dpc_out_of_memory(error, strlen(folder) + strlen(entry->path));
  model->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  dpc_status status = DPC_OK;
  if (model->library == NULL) {
    status = dpc_fail(error, DPC_ERROR_FILE,
                      "%.200s: bin/host.so cannot be loaded: %.200s. Compile the model on this "
                      "machine",
                      model->name, dlerror());
  } else {
    status = check_same_file(model->name, path, file, error);
  }
  free(path);
  if (status != DPC_OK) return status;
  model->abi = dlsym(model->library, "dpc_model_entry");
  if (model->abi == NULL)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: bin/host.so has no dpc_model_entry. Compile the model again",
                    model->name);
  return check_entry(model, error);
}
