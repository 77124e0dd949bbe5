#include <string.h>

#include "device_session.h"

/* The caller's array as memory: its size is not known, so nothing checks it. */
static dpc_memory foreign(const void *address) {
  return (dpc_memory){.handle = (uintptr_t)address, .bytes = SIZE_MAX};
}

static bool is_same(const dpc_device_session *d, const dpc_input *input) {
  const dpc_device_neighbors *list = input->device_neighbors, *last = &d->foreign;
  return d->generation < 0 && list->age > 0 && list->age == last->age &&
         input->nloc == d->extent.nloc && input->nall == d->extent.nall &&
         list->count == last->count && list->mask == last->mask && list->atoms == last->atoms &&
         list->numneigh == last->numneigh && list->entries == last->entries &&
         list->atom_stride == last->atom_stride && list->stride == last->stride;
}

/* What has to be known here to sort the centres: types, counts and who has a list. */
typedef struct copies {
  int32_t *type, *numneigh, *atoms;
} copies;

static dpc_status fetch(dpc_device_session *d, const dpc_input *input, copies *c,
                        dpc_error *error) {
  const dpc_device_neighbors *list = input->device_neighbors;
  const size_t nall = (size_t)input->nall, nloc = (size_t)input->nloc;
  const size_t count = (size_t)list->count;
  const dpc_driver *driver = d->device->driver;
  dpc_status status = dpc_reserve(&d->type_copy, nall + nloc + count, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  c->type = d->type_copy.data;
  c->numneigh = c->type + nall;
  c->atoms = c->numneigh + nloc;
  const dpc_memory type = foreign(input->type), numneigh = foreign(list->numneigh);
  const dpc_memory atoms = foreign(list->atoms);
  for (size_t i = 0; i < count; i++) c->atoms[i] = (int32_t)i;
  status = driver->download(&d->queue, c->type, &type, nall * sizeof(int32_t), error);
  if (status == DPC_OK && count > 0)
    status = driver->download(&d->queue, c->numneigh, &numneigh, nloc * sizeof(int32_t), error);
  if (status == DPC_OK && count > 0 && list->atoms != NULL)
    status = driver->download(&d->queue, c->atoms, &atoms, count * sizeof(int32_t), error);
  const dpc_status waited = driver->wait(&d->queue, status == DPC_OK ? error : NULL);
  return status == DPC_OK ? waited : status;
}

static dpc_status check(const dpc_session *s, const dpc_input *input, const copies *c,
                        dpc_error *error) {
  const int32_t ntypes = s->model->manifest.facts.ntypes;
  for (int32_t i = 0; i < input->nall; i++)
    if (c->type[i] >= ntypes)
      return dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "type: atom %d (counted from 0) has type %d, but %.200s has types 0 to %d", i,
                      c->type[i], s->model->name, ntypes - 1);
  for (int32_t k = 0; k < input->device_neighbors->count; k++) {
    const int32_t atom = c->atoms[k];
    if (atom < 0 || atom >= input->nloc)
      return dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "device_neighbors: atoms[%d] is %d, but a local atom is 0 to %d", k, atom,
                      input->nloc - 1);
    if (c->numneigh[atom] < 0)
      return dpc_fail(error, DPC_ERROR_ARGUMENT, "device_neighbors: atom %d has %d neighbours",
                      atom, c->numneigh[atom]);
  }
  return DPC_OK;
}

/* The centres sorted by type, with their counts, and where their rows start in the caller's
 * array and in ours. */
typedef struct sorted {
  int32_t *centers, *counts;
  int64_t *starts, *row_start;
} sorted;

static void sort(dpc_device_session *d, const dpc_session *s, const dpc_input *input,
                 const copies *c, const sorted *to) {
  const dpc_device_neighbors *list = input->device_neighbors;
  const int32_t ntypes = s->model->manifest.facts.ntypes;
  int32_t *type_start = d->type_start.data, n = 0;
  d->most_entries = 0;
  to->row_start[0] = 0;
  for (int32_t t = 0; t < ntypes; t++) {
    type_start[t] = n;
    for (int32_t k = 0; k < list->count; k++) {
      const int32_t atom = c->atoms[k], count = c->numneigh[atom];
      if (c->type[atom] != t) continue;
      to->centers[n] = atom;
      to->counts[n] = count;
      to->starts[n] = atom * list->atom_stride;
      to->row_start[n + 1] = to->row_start[n] + count;
      if (count > d->most_entries) d->most_entries = count;
      n++;
    }
  }
  type_start[ntypes] = n;
  d->extent = (dpc_extent){.nloc = input->nloc,
                           .nall = input->nall,
                           .ncenters = n,
                           .ntypes = ntypes,
                           .type_start = type_start,
                           .row_start = to->row_start};
}

static dpc_status put_list(dpc_session *s, const dpc_input *input, dpc_error *error) {
  dpc_device_session *d = s->device;
  const size_t count = (size_t)input->device_neighbors->count;
  const size_t ntypes = (size_t)s->model->manifest.facts.ntypes;
  copies c;
  d->generation = 0; /* a failure below must not pass for this list */
  dpc_status status = fetch(d, input, &c, error);
  if (status == DPC_OK) status = check(s, input, &c, error);
  if (status == DPC_OK) status = dpc_reserve(&d->row_start, count + 1, sizeof(int64_t), error);
  if (status == DPC_OK) status = dpc_reserve(&d->type_start, ntypes + 1, sizeof(int32_t), error);
  if (status == DPC_OK)
    status = dpc_reserve(&d->packed, count, sizeof(int64_t) + 2 * sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  sorted to = {.starts = d->packed.data, .row_start = d->row_start.data};
  to.centers = (int32_t *)(to.starts + count);
  to.counts = to.centers + count;
  sort(d, s, input, &c, &to);
  const size_t n = (size_t)d->extent.ncenters;
  const char *what = "the list";
  status = dpc_device_put(d, &d->centers, to.centers, n, sizeof(int32_t), what, error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->counts, to.counts, n, sizeof(int32_t), what, error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->starts, to.starts, n, sizeof(int64_t), what, error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->row_starts, to.row_start, n + 1, sizeof(int64_t), what, error);
  if (status != DPC_OK) return status;
  d->foreign = *input->device_neighbors;
  d->generation = -++d->foreign_lists;
  return DPC_OK;
}

dpc_status dpc_device_run_foreign(dpc_session *s, const dpc_input *input, const dpc_output *output,
                                  dpc_error *error) {
  dpc_device_session *d = s->device;
  const dpc_facts *facts = &s->model->manifest.facts;
  const dpc_device_neighbors *list = input->device_neighbors;
  const dpc_queue own = d->queue;
  dpc_error ours = {0};
  if (error == NULL) error = &ours; /* the calls of the plan need one */
  dpc_succeed(error);
  if (input->stream != NULL)
    d->queue = (dpc_queue){.device = d->device, .handle = input->stream, .borrowed = true};
  d->queue.error = error;
  dpc_status status = d->device->driver->enter(d->device, error);
  const bool fresh = !is_same(d, input);
  if (status == DPC_OK && fresh) status = put_list(s, input, error);
  if (status == DPC_ERROR_MEMORY && dpc_device_give_back(d)) status = put_list(s, input, error);
  if (status == DPC_OK && facts->fparam > 0)
    status = dpc_device_put(d, &d->fparam, input->fparam, (size_t)facts->fparam, sizeof(double),
                            "fparam", error);
  dpc_memory coord = foreign(input->coord), type = foreign(input->type);
  dpc_memory aparam = foreign(input->aparam), entries = foreign(list->entries);
  dpc_memory force = foreign(output->force), atom_energy = foreign(output->atom_energy);
  dpc_memory atom_virial = foreign(output->atom_virial);
  dpc_step step = dpc_device_describe(s, output);
  step.coord = &coord;
  step.type = &type;
  step.aparam = facts->aparam > 0 ? &aparam : NULL;
  step.entries = &entries;
  step.row_starts = &d->row_starts;
  step.stride = list->stride;
  step.mask = list->mask != 0 ? list->mask : ~0;
  step.force = output->force != NULL ? &force : NULL;
  step.atom_energy = output->atom_energy != NULL ? &atom_energy : NULL;
  step.atom_virial = output->atom_virial != NULL ? &atom_virial : NULL;
  if (fresh) step.flags |= DPC_STEP_NEW_LIST;
  /* nothing but sums comes to the host */
  const dpc_system system = {.nloc = input->nloc, .nall = input->nall};
  status = dpc_device_finish(s, &system, output, &step, status, error);
  d->queue = own;
  return status;
}
