/* device_session.h: what a session keeps on the device, and a step on it. */
#ifndef DPC_DEVICE_SESSION_H
#define DPC_DEVICE_SESSION_H

#include "device.h"
#include "device_chunks.h"
#include "session.h"

struct dpc_device_session {
  dpc_device *device;
  const dpc_device_plan *plan;
  dpc_queue queue;
  dpc_kernel *kernels;
  const dpc_kernel **kernel_list;
  dpc_memory *arrays, **array_list; /* of the plan */
  size_t budget; /* bytes for the arrays of chunks, once there was no room for all centres; or 0 */
  /* the system */
  dpc_memory coord, type, fparam, aparam;
  dpc_memory centers, starts, counts, entries;
  dpc_memory row_starts; /* of a list of the caller's; of ours they are `starts` */
  /* results */
  dpc_memory energy, virial, counters, force, atom_energy, atom_virial;
  /* the list on the device, and what belongs to it on the host */
  int64_t generation; /* of the tiles; 0: none; < 0: a list of the caller's, `foreign` */
  int64_t foreign_lists;
  dpc_device_neighbors foreign;
  dpc_buffer row_start, packed, type_start, type_copy;
  dpc_extent extent;
  int32_t most_entries;
  dpc_chunks chunks;
  /* the last step, recorded by the driver; `key` says what it depends on */
  void *graph;
  uint64_t key;
  bool cannot_record;
};

dpc_status dpc_device_session_new(dpc_model *model, dpc_device_session **session, dpc_error *error);
void dpc_device_session_free(dpc_device_session *session);

/* device_list.c: the types and the list of `s->tiles` to the device, if they are new there.
 * `fresh`: the list was new. */
dpc_status dpc_device_list(dpc_session *s, const dpc_system *system, bool *fresh, dpc_error *error);

/* An array on the device with a copy of the host's, which stays as it is until the step ends. */
dpc_status dpc_device_put(dpc_device_session *d, dpc_memory *memory, const void *from, size_t count,
                          size_t size, const char *what, dpc_error *error);

/* device_arrays.c: room for the arrays of the plan, and chunks that fit it. */
dpc_status dpc_device_arrays(dpc_device_session *d, dpc_error *error);
/* The memory of chunks, which can do with less; false when there was none. */
bool dpc_device_give_back(dpc_device_session *d);

/* device_step.c: energy, virial, forces and counts of `system` into `output` and `system`. */
dpc_status dpc_device_run(dpc_session *s, const dpc_system *system, const dpc_output *output,
                          dpc_error *error);

/* A step over the list that is on the device, with the sums that are wanted. */
dpc_step dpc_device_describe(dpc_session *s, const dpc_output *output);
dpc_status dpc_device_finish(dpc_session *s, const dpc_system *system, const dpc_output *output,
                             dpc_step *step, dpc_status status, dpc_error *error);

/* device_foreign.c: the same for arrays of the caller's on the device. */
dpc_status dpc_device_run_foreign(dpc_session *s, const dpc_input *input, const dpc_output *output,
                                  dpc_error *error);

/* Drops the recorded step. */
void dpc_device_forget(dpc_device_session *d);

#endif
