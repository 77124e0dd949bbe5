#include <string.h>

#include "error.h"
#include "model.h"

int32_t dpc_api(void) { return DPC_API; }

const dpc_facts *dpc_get_facts(const dpc_model *model) {
  return model != NULL ? &model->manifest.facts : NULL;
}

static int32_t find_type(const dpc_facts *facts, const char *name) {
  for (int32_t i = 0; i < facts->ntypes; i++)
    if (strcmp(facts->type_map[i], name) == 0) return i;
  return -1;
}

/* "O H": as many of the names as fit. */
static void list_types(const dpc_facts *facts, char *text, size_t size) {
  size_t used = 0;
  for (int32_t i = 0; i < facts->ntypes; i++) {
    const size_t length = strlen(facts->type_map[i]);
    if (used + length + sizeof " …" >= size) {
      memcpy(text + used, " …", sizeof " …");
      return;
    }
    if (i > 0) text[used++] = ' ';
    memcpy(text + used, facts->type_map[i], length + 1);
    used += length;
  }
}

dpc_status dpc_map_types(const dpc_model *model, const char *const *names, int32_t n,
                         int32_t *types, dpc_error *error) {
  if (model == NULL) return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_map_types: model is NULL");
  if (n < 0) return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_map_types: n is %d", n);
  if (n > 0 && (names == NULL || types == NULL))
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_map_types: %s is NULL",
                    names == NULL ? "names" : "types");
  const dpc_facts *facts = dpc_get_facts(model);
  for (int32_t i = 0; i < n; i++) {
    types[i] = names[i] != NULL ? find_type(facts, names[i]) : -1;
    if (types[i] < 0 && names[i] != NULL) {
      char known[256] = "";
      list_types(facts, known, sizeof known);
      return dpc_fail(error, DPC_ERROR_ARGUMENT, "element '%.40s' is not in %.150s, which knows %s",
                      names[i], model->name, known);
    }
  }
  return dpc_succeed(error);
}
