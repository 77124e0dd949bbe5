/* manifest.h: what a package says of itself (manifest.json). */
#ifndef DPC_MANIFEST_H
#define DPC_MANIFEST_H

#include "dpc.h"
#include "file.h"
#include "json.h"
#include "sha256.h"

enum { DPC_FORMAT = 1 }; /* the layout of a package folder */

typedef struct dpc_manifest_file {
  const char *path; /* relative, inside the folder */
  uint64_t size;
  uint8_t sha256[DPC_SHA256_BYTES];
} dpc_manifest_file;

/* Where the work of a package is done. A circuit's package holds its C model, which the host runs.
 */
typedef enum dpc_place { DPC_NOWHERE = 0, DPC_ON_HOST, DPC_ON_GPU } dpc_place;

typedef struct dpc_manifest {
  dpc_json_document document; /* owns every string below */
  const char *kind, *arch;    /* of the target; arch of a kind that is known */
  dpc_place place;
  dpc_facts facts; /* all but `target`, which open.c puts together */
  const char **type_map;
  dpc_manifest_file *files;
  size_t count;
} dpc_manifest;

/* Reads and checks the bytes of manifest.json; `package` is for messages. */
dpc_status dpc_manifest_read(const char *package, const dpc_file *file, dpc_manifest *manifest,
                             dpc_error *error);
void dpc_manifest_free(dpc_manifest *manifest);

/* The entry of a file, NULL when the manifest does not name it. */
const dpc_manifest_file *dpc_manifest_find(const dpc_manifest *manifest, const char *path);

#endif
