/* json.h: a strict reader of JSON (RFC 8259), for manifests.
 *
 * Stricter than the standard where leniency hides mistakes: no key twice in an object,
 * no U+0000 in a string, valid UTF-8 only, nesting up to DPC_JSON_DEPTH.
 */
#ifndef DPC_JSON_H
#define DPC_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { DPC_JSON_DEPTH = 32 };

typedef enum dpc_json_kind {
  DPC_JSON_NULL,
  DPC_JSON_BOOL,
  DPC_JSON_NUMBER,
  DPC_JSON_STRING,
  DPC_JSON_ARRAY,
  DPC_JSON_OBJECT
} dpc_json_kind;

typedef struct dpc_json {
  dpc_json_kind kind;
  bool truth;
  double number;
  const char *key;              /* of a member of an object, else NULL */
  const char *text;             /* of a string, ends in NUL */
  const struct dpc_json *child; /* first element or member */
  const struct dpc_json *next;  /* the sibling after this one */
} dpc_json;

typedef struct dpc_json_document {
  const dpc_json *root;
  dpc_json *nodes;
  char *strings;
} dpc_json_document;

/* On failure: `problem` is a short sentence, `where` the byte it is about. */
bool dpc_json_parse(const char *text, size_t size, dpc_json_document *document,
                    const char **problem, size_t *where);
void dpc_json_free(dpc_json_document *document);

/* The member of an object; NULL when `object` is no object or has no such key. */
const dpc_json *dpc_json_get(const dpc_json *object, const char *key);
size_t dpc_json_length(const dpc_json *array);

#endif
