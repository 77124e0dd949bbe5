#include <string.h>

#include "device_session.h"

/* Room for results that are wanted, and the handles of the rest of the system. */
static dpc_status put_system(dpc_session *s, const dpc_system *system, dpc_error *error) {
  dpc_device_session *d = s->device;
  const dpc_driver *driver = d->device->driver;
  const dpc_facts *facts = &s->model->manifest.facts;
  const size_t nall = (size_t)system->nall, nloc = (size_t)system->nloc;
  const struct {
    dpc_memory *memory;
    const void *from; /* NULL: nothing to copy */
    size_t numbers;
    bool used;
    const char *what;
  } arrays[] = {
      {&d->coord, system->coord, 3 * nall, true, "the positions"},
      {&d->fparam, system->fparam, (size_t)facts->fparam, facts->fparam > 0, "fparam"},
      {&d->aparam, system->aparam, nloc * (size_t)facts->aparam, facts->aparam > 0, "aparam"},
      {&d->force, NULL, 3 * nall, system->force != NULL, "the forces"},
      {&d->atom_energy, NULL, nloc, system->atom_energy != NULL, "the energies"},
      {&d->atom_virial, NULL, 9 * nall, system->atom_virial != NULL, "the virials"}};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    const size_t bytes = arrays[i].numbers * sizeof(double);
    if (!arrays[i].used) continue;
    dpc_status status =
        dpc_device_reserve(d->device, arrays[i].memory, bytes, arrays[i].what, system->nloc, error);
    if (status == DPC_OK && arrays[i].from != NULL)
      status = driver->upload(&d->queue, arrays[i].memory, arrays[i].from, bytes, error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

dpc_step dpc_device_describe(dpc_session *s, const dpc_output *output) {
  dpc_device_session *d = s->device;
  const dpc_facts *facts = &s->model->manifest.facts;
  const bool deterministic = s->model->flags & DPC_DETERMINISTIC;
  return (dpc_step){.size = sizeof(dpc_step),
                    .flags = deterministic ? DPC_STEP_DETERMINISTIC : 0,
                    .call = &dpc_plan_calls,
                    .queue = &d->queue,
                    .kernels = d->kernel_list,
                    .tensors = s->model->tensor_list,
                    .arrays = d->array_list,
                    .warp = d->device->warp,
                    .multiprocessors = d->device->multiprocessors,
                    .shared_bytes = d->device->shared_bytes,
                    .nloc = d->extent.nloc,
                    .nall = d->extent.nall,
                    .coord = &d->coord,
                    .type = &d->type,
                    .fparam = facts->fparam > 0 ? &d->fparam : NULL,
                    .aparam = facts->aparam > 0 ? &d->aparam : NULL,
                    .centers = &d->centers,
                    .starts = &d->starts,
                    .counts = &d->counts,
                    .entries = &d->entries,
                    .row_starts = &d->starts,
                    .stride = 1,
                    .mask = ~0,
                    .ncenters = d->extent.ncenters,
                    .type_start = d->extent.type_start,
                    .most_entries = d->most_entries,
                    .energy = output->energy != NULL ? &d->energy : NULL,
                    .virial = output->virial != NULL ? &d->virial : NULL,
                    .counters = &d->counters};
}

static dpc_status clear_results(dpc_device_session *d, const dpc_step *step, dpc_error *error) {
  const struct {
    const dpc_memory *memory;
    size_t bytes;
  } results[] = {{&d->energy, sizeof(double)},
                 {&d->virial, 9 * sizeof(double)},
                 {&d->counters, DPC_COUNTERS * sizeof(int64_t)},
                 {step->force, 3 * (size_t)step->nall * sizeof(double)},
                 {step->atom_energy, (size_t)step->nloc * sizeof(double)},
                 {step->atom_virial, 9 * (size_t)step->nall * sizeof(double)}};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    if (results[i].memory == NULL || results[i].bytes == 0) continue;
    const dpc_status status =
        d->device->driver->zero(&d->queue, results[i].memory, results[i].bytes, error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

static void select_centers(const dpc_device_session *d, dpc_step *step, int32_t first,
                           int32_t count, int32_t type) {
  const int64_t *row_start = d->extent.row_start;
  step->first = first;
  step->count = count;
  step->center_type = type;
  step->row_first = row_start[first];
  step->rows = row_start[first + count] - row_start[first];
}

/* A part of the plan. A code of its own, which no call has explained, is explained here. */
static dpc_status run(const dpc_device_session *d, int32_t (*part)(const dpc_step *),
                      const dpc_step *step) {
  dpc_error *error = d->queue.error;
  const int32_t code = part(step);
  if (code == DPC_OK || error->status == (dpc_status)code) return (dpc_status)code;
  return dpc_fail(error, DPC_ERROR_DEVICE, "bin/host.so failed with code %d", code);
}

/* All work of a step, queued. */
static dpc_status queue_step(dpc_device_session *d, dpc_step *step, dpc_error *error) {
  dpc_status status = clear_results(d, step, error);
  select_centers(d, step, 0, d->extent.ncenters, -1);
  if (status == DPC_OK) status = run(d, d->plan->begin, step);
  for (int32_t k = 0; k < d->chunks.count && status == DPC_OK; k++) {
    const dpc_chunk *chunk = &d->chunks.list[k];
    select_centers(d, step, chunk->first, chunk->count, chunk->type);
    status = run(d, d->plan->chunk, step);
  }
  select_centers(d, step, 0, d->extent.ncenters, -1);
  return status == DPC_OK ? run(d, d->plan->finish, step) : status;
}

static uint64_t mix(uint64_t key, const void *data, size_t bytes) {
  const uint8_t *at = data;
  for (size_t i = 0; i < bytes; i++) key = (key ^ at[i]) * 0x100000001b3u; /* FNV-1a */
  return key;
}

/* Everything that what is queued depends on: sizes, addresses, what is wanted. */
static uint64_t key_of(const dpc_device_session *d, const dpc_step *step) {
  const dpc_memory *memory[] = {step->coord,       step->type,       step->fparam, step->aparam,
                                step->centers,     step->starts,     step->counts, step->entries,
                                step->row_starts,  step->energy,     step->force,  step->virial,
                                step->atom_energy, step->atom_virial};
  const int64_t sizes[] = {d->generation, step->nloc, step->nall, step->stride, step->mask};
  uint64_t key = mix(0xcbf29ce484222325u, sizes, sizeof sizes);
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
    const uintptr_t handle = memory[i] != NULL ? memory[i]->handle : 0;
    key = mix(key, &handle, sizeof handle);
  }
  for (int32_t i = 0; i < d->plan->narrays; i++)
    key = mix(key, &d->arrays[i].handle, sizeof d->arrays[i].handle);
  for (int32_t k = 0; k < d->chunks.count; k++) {
    const int32_t chunk[] = {d->chunks.list[k].first, d->chunks.list[k].count};
    key = mix(key, chunk, sizeof chunk);
  }
  return key;
}

void dpc_device_forget(dpc_device_session *d) {
  if (d->graph != NULL) d->device->driver->forget(d->device, d->graph);
  d->graph = NULL;
  d->key = 0;
}

/* Records the work of a step. A driver that cannot is not asked again. */
static dpc_status record(dpc_device_session *d, dpc_step *step, dpc_error *error) {
  const dpc_driver *driver = d->device->driver;
  dpc_error why = {0};
  d->cannot_record = driver->record(&d->queue, &why) != DPC_OK;
  if (d->cannot_record) return DPC_OK;
  const dpc_status status = queue_step(d, step, error);
  d->cannot_record = driver->recorded(&d->queue, &d->graph, &why) != DPC_OK;
  return status;
}

/* The first step of a kind is queued as it is, the second is recorded, the others replayed. */
static dpc_status do_step(dpc_device_session *d, dpc_step *step, dpc_error *error) {
  const dpc_driver *driver = d->device->driver;
  const uint64_t key = key_of(d, step);
  dpc_status status = DPC_OK;
  if (driver->record == NULL || d->cannot_record) return queue_step(d, step, error);
  if (key != d->key) {
    dpc_device_forget(d);
    d->key = key;
    return queue_step(d, step, error);
  }
  if (d->graph == NULL) status = record(d, step, error);
  if (status != DPC_OK) return status;
  if (d->graph == NULL) return queue_step(d, step, error);
  return driver->replay(&d->queue, d->graph, error);
}

/* What comes back whatever is wanted. */
typedef struct sums {
  double energy, virial[9];
  int64_t counters[DPC_COUNTERS];
} sums;

static dpc_status get_results(dpc_device_session *d, const dpc_system *system, const dpc_step *step,
                              sums *got, dpc_error *error) {
  const struct {
    void *to;
    const dpc_memory *from;
    size_t bytes;
  } results[] = {
      {&got->energy, &d->energy, sizeof got->energy},
      {got->virial, &d->virial, sizeof got->virial},
      {got->counters, &d->counters, sizeof got->counters},
      {system->force, step->force, 3 * (size_t)system->nall * sizeof(double)},
      {system->atom_energy, step->atom_energy, (size_t)system->nloc * sizeof(double)},
      {system->atom_virial, step->atom_virial, 9 * (size_t)system->nall * sizeof(double)}};
  dpc_status status = DPC_OK;
  for (size_t i = 0; i < sizeof results / sizeof *results && status == DPC_OK; i++)
    if (results[i].to != NULL)
      status = d->device->driver->download(&d->queue, results[i].to, results[i].from,
                                           results[i].bytes, error);
  return status;
}

/* What the device counted, told as one tile of the first thread would tell it. */
static dpc_status read_sums(dpc_session *s, const dpc_system *system, const dpc_output *output,
                            const sums *got, dpc_error *error) {
  dpc_worker *worker = &s->workers[0];
  if (output->energy != NULL) *output->energy = got->energy;
  if (output->virial != NULL) memcpy(output->virial, got->virial, sizeof got->virial);
  worker->sel_overflow = got->counters[DPC_COUNT_SEL];
  worker->extrapolated = got->counters[DPC_COUNT_EXTRAPOLATED];
  const int64_t pair = got->counters[DPC_COUNT_COINCIDENT] - 1;
  if (pair < 0) return DPC_OK;
  worker->code = DPC_TILE_COINCIDENT;
  worker->pair[0] = (int32_t)(pair >> 31);
  worker->pair[1] = (int32_t)(pair & INT32_MAX);
  return dpc_run_explain(s, system, worker, error);
}

/* Queues the step, waits for it and reads what it found. `system` says which results go to
 * the host. Also after a failure: the caller's arrays are in use until the queue is empty. */
dpc_status dpc_device_finish(dpc_session *s, const dpc_system *system, const dpc_output *output,
                             dpc_step *step, dpc_status status, dpc_error *error) {
  dpc_device_session *d = s->device;
  sums got = {0};
  if (status == DPC_OK) status = dpc_device_arrays(d, error);
  if (status == DPC_OK) status = do_step(d, step, error);
  if (status == DPC_OK) status = get_results(d, system, step, &got, error);
  const dpc_status waited = d->device->driver->wait(&d->queue, status == DPC_OK ? error : NULL);
  d->queue.error = NULL;
  if (status == DPC_OK) status = waited;
  if (status != DPC_OK) {
    dpc_device_forget(d);
    d->generation = 0; /* what reached the device is not known */
    return status;
  }
  return read_sums(s, system, output, &got, error);
}

static dpc_status put(dpc_session *s, const dpc_system *system, bool *fresh, dpc_error *error) {
  const dpc_status status = dpc_device_list(s, system, fresh, error);
  return status == DPC_OK ? put_system(s, system, error) : status;
}

dpc_status dpc_device_run(dpc_session *s, const dpc_system *system, const dpc_output *output,
                          dpc_error *error) {
  dpc_device_session *d = s->device;
  bool fresh = false;
  dpc_step step;
  dpc_error own = {0};
  if (error == NULL) error = &own; /* the calls of the plan need one */
  dpc_succeed(error);
  d->queue.error = error;
  dpc_status status = d->device->driver->enter(d->device, error);
  if (status == DPC_OK) status = put(s, system, &fresh, error);
  if (status == DPC_ERROR_MEMORY && d->device->driver->wait(&d->queue, NULL) == DPC_OK &&
      dpc_device_give_back(d))
    status = put(s, system, &fresh, error);
  step = dpc_device_describe(s, output);
  step.force = system->force != NULL ? &d->force : NULL;
  step.atom_energy = system->atom_energy != NULL ? &d->atom_energy : NULL;
  step.atom_virial = system->atom_virial != NULL ? &d->atom_virial : NULL;
  if (fresh) step.flags |= DPC_STEP_NEW_LIST;
  return dpc_device_finish(s, system, output, &step, status, error);
}
