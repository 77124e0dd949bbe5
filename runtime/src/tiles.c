#include <string.h>

#include "tiles.h"

/* Apart from its neighbours a tile costs about as much as this many list entries. */
enum { FIXED_COST = 2048 };

static bool is_same_list(const dpc_tiles *t, const dpc_neighbors *list, int32_t nloc, int32_t nall,
                         const int32_t *type) {
  const dpc_neighbors *last = &t->list;
  if (list->age <= 0 || list->age != last->age || nloc != t->nloc || nall != t->nall ||
      list->count != last->count || list->mask != last->mask || list->atoms != last->atoms ||
      list->numneigh != last->numneigh || list->firstneigh != last->firstneigh ||
      list->offsets != last->offsets || list->indices != last->indices)
    return false;
  /* an engine that swaps types may keep its list: a tile holds one type only */
  int32_t centers = 0;
  for (int32_t k = 0; k < t->count; k++) {
    const dpc_tile_range *range = &t->ranges[k];
    for (int32_t i = range->first; i < range->first + range->count; i++)
      if (type[t->atoms[i]] != range->type) return false;
    centers += range->count;
  }
  int32_t known = 0;
  for (int32_t i = 0; i < list->count; i++)
    known += type[list->atoms != NULL ? list->atoms[i] : i] >= 0;
  return known == centers;
}

static dpc_status check_list(const dpc_neighbors *list, int32_t nloc, dpc_error *error) {
  const bool lammps = list->numneigh != NULL || list->firstneigh != NULL;
  const bool csr = list->offsets != NULL || list->indices != NULL;
  const char *wrong = NULL;
  if (list->count < 0 || list->count > nloc)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "neighbors: count is %d, but must be 0 to nloc, which is %d", list->count,
                    nloc);
  if (list->count == 0) return DPC_OK;
  if (lammps == csr)
    wrong = "give either numneigh and firstneigh, or offsets and indices, not both or none";
  else if (lammps && list->numneigh == NULL) wrong = "numneigh is NULL, but firstneigh is not";
  else if (lammps && list->firstneigh == NULL) wrong = "firstneigh is NULL, but numneigh is not";
  else if (csr && list->offsets == NULL) wrong = "offsets is NULL, but indices is not";
  else if (csr && list->offsets[0] < 0) wrong = "offsets start with a negative number";
  if (wrong != NULL) return dpc_fail(error, DPC_ERROR_ARGUMENT, "neighbors: %s", wrong);
  return DPC_OK;
}

typedef struct row {
  int32_t atom, count;
  const int32_t *entries;
} row;

/* Row `i` of the list in either form, checked but for its entries. */
static dpc_status get_row(const dpc_neighbors *list, int32_t i, int32_t nloc, row *result,
                          dpc_error *error) {
  const int32_t atom = list->atoms != NULL ? list->atoms[i] : i;
  if (atom < 0 || atom >= nloc)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "neighbors: atoms[%d] is %d, but a local atom is 0 to %d", i, atom, nloc - 1);
  *result = (row){.atom = atom};
  if (list->firstneigh != NULL) {
    result->count = list->numneigh[atom];
    result->entries = list->firstneigh[atom];
  } else {
    if (list->offsets[i + 1] < list->offsets[i])
      return dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "neighbors: offsets[%d] is smaller than the one "
                      "before it",
                      i + 1);
    result->count = list->offsets[i + 1] - list->offsets[i];
    if (list->indices != NULL) result->entries = list->indices + list->offsets[i];
  }
  if (result->count < 0 || (result->count > 0 && result->entries == NULL))
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "neighbors: atom %d has %d neighbours%s", atom,
                    result->count, result->count > 0 ? ", but its list is NULL" : "");
  return DPC_OK;
}

static dpc_status check_entries(const row *r, int32_t mask, int32_t nall, dpc_error *error) {
  uint32_t largest = 0; /* a negative entry is a huge one: one comparison finds both */
  for (int32_t k = 0; k < r->count; k++) {
    const uint32_t entry = (uint32_t)(r->entries[k] & mask);
    largest = entry > largest ? entry : largest;
  }
  if (r->count == 0 || largest < (uint32_t)nall) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_ARGUMENT,
                  "neighbors: atom %d has neighbour %d, but atoms are 0 to %d (nall - 1)%s",
                  r->atom, (int32_t)largest, nall - 1,
                  mask == ~0 ? ". Are there bits above the index? Then set mask" : "");
}

static dpc_status reserve(dpc_tiles *t, const dpc_neighbors *list, int32_t nloc, int32_t ntypes,
                          int32_t tile_atoms, dpc_error *error) {
  const size_t n = (size_t)list->count, most = n / (size_t)tile_atoms + (size_t)ntypes;
  dpc_status status = dpc_reserve(&t->atoms_buffer, n, sizeof *t->atoms, error);
  if (status == DPC_OK) status = dpc_reserve(&t->numneigh_buffer, n, sizeof *t->numneigh, error);
  if (status == DPC_OK) status = dpc_reserve(&t->neighbors_buffer, n, sizeof *t->neighbors, error);
  if (status == DPC_OK) status = dpc_reserve(&t->ranges_buffer, most, sizeof *t->ranges, error);
  if (status == DPC_OK)
    status =
        dpc_reserve(&t->marks, (size_t)nloc + (size_t)(ntypes + 1) * sizeof(int32_t), 1, error);
  t->atoms = t->atoms_buffer.data;
  t->numneigh = t->numneigh_buffer.data;
  t->neighbors = t->neighbors_buffer.data;
  t->ranges = t->ranges_buffer.data;
  return status;
}

/* Checks every row and counts the centres of each type into next[type + 1]. */
static dpc_status count_types(const dpc_neighbors *list, int32_t nloc, int32_t nall,
                              const int32_t *type, int32_t mask, int32_t *next, uint8_t *seen,
                              dpc_error *error) {
  memset(seen, 0, (size_t)nloc);
  for (int32_t i = 0; i < list->count; i++) {
    row r;
    dpc_status status = get_row(list, i, nloc, &r, error);
    if (status == DPC_OK) status = check_entries(&r, mask, nall, error);
    if (status != DPC_OK) return status;
    if (seen[r.atom]++ != 0)
      return dpc_fail(error, DPC_ERROR_ARGUMENT, "neighbors: atom %d owns two lists", r.atom);
    if (type[r.atom] >= 0) next[type[r.atom] + 1]++;
  }
  return DPC_OK;
}

static void cut(dpc_tiles *t, int32_t type, int32_t first, int32_t end, int32_t tile_atoms) {
  for (; first < end; first += tile_atoms) {
    dpc_tile_range *range = &t->ranges[t->count++];
    *range = (dpc_tile_range){.first = first, .type = type};
    range->count = end - first < tile_atoms ? end - first : tile_atoms;
    for (int32_t i = first; i < first + range->count; i++) range->rows += t->numneigh[i];
    if (range->rows > t->most_rows) t->most_rows = range->rows;
  }
}

dpc_status dpc_tiles_update(dpc_tiles *t, const dpc_neighbors *list, int32_t nloc, int32_t nall,
                            const int32_t *type, int32_t ntypes, int32_t tile_atoms,
                            dpc_error *error) {
  if (is_same_list(t, list, nloc, nall, type)) return DPC_OK;
  t->list = (dpc_neighbors){0}; /* a failure below must not pass for this list */
  t->count = 0;
  t->most_rows = 0;
  dpc_status status = check_list(list, nloc, error);
  if (status == DPC_OK) status = reserve(t, list, nloc, ntypes, tile_atoms, error);
  if (status != DPC_OK) return status;

  int32_t *next = t->marks.data; /* next[type]: where its next centre goes */
  memset(next, 0, (size_t)(ntypes + 1) * sizeof *next);
  t->mask = list->mask != 0 ? list->mask : ~0;
  status =
      count_types(list, nloc, nall, type, t->mask, next, (uint8_t *)(next + ntypes + 1), error);
  if (status != DPC_OK) return status;
  for (int32_t i = 0; i < ntypes; i++) next[i + 1] += next[i];
  for (int32_t i = 0; i < list->count; i++) {
    row r;
    status = get_row(list, i, nloc, &r, error);
    if (status != DPC_OK) return status;
    if (type[r.atom] < 0) continue;
    const int32_t at = next[type[r.atom]]++;
    t->atoms[at] = r.atom;
    t->numneigh[at] = r.count;
    t->neighbors[at] = r.entries;
  }
  for (int32_t i = 0, first = 0; i < ntypes; first = next[i++])
    cut(t, i, first, next[i], tile_atoms);
  t->list = *list;
  t->generation++;
  t->nloc = nloc;
  t->nall = nall;
  return DPC_OK;
}

int32_t dpc_tiles_share(const dpc_tiles *t, int32_t thread, int32_t threads) {
  int64_t all = 0, before = 0;
  int32_t k = 0;
  for (int32_t i = 0; i < t->count; i++) all += t->ranges[i].rows + FIXED_COST;
  for (; k < t->count && before < all / threads * thread; k++)
    before += t->ranges[k].rows + FIXED_COST;
  return thread == threads ? t->count : k;
}

void dpc_tiles_free(dpc_tiles *t) {
  dpc_release(&t->atoms_buffer);
  dpc_release(&t->numneigh_buffer);
  dpc_release(&t->neighbors_buffer);
  dpc_release(&t->ranges_buffer);
  dpc_release(&t->marks);
  *t = (dpc_tiles){0};
}
