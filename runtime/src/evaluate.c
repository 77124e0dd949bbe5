#include <string.h>

#include "device_fpga.h"
#include "device_session.h"
#include "session.h"

/* A device takes all centres of a type at once: how the list is cut does not matter to it. */
enum { MOST_OF_ONE_RANGE = 1 << 20 };

static void clear(double *values, size_t n) {
  if (values != NULL) memset(values, 0, n * sizeof *values);
}

/* After an error the caller's arrays hold zeros, never half a result. */
static void clear_outputs(const dpc_input *input, dpc_output *output) {
  clear(output->energy, 1);
  clear(output->virial, 9);
  if (input->memory == DPC_DEVICE) return; /* not ours to write to from here */
  clear(output->force, 3 * (size_t)input->nall);
  clear(output->atom_energy, (size_t)input->nloc);
  clear(output->atom_virial, 9 * (size_t)input->nall);
}

/* The caller's system as it is: neighbours and ghosts are given. */
static void use_caller(const dpc_input *input, const dpc_output *output, dpc_system *system) {
  *system = (dpc_system){.nloc = input->nloc,
                         .nall = input->nall,
                         .coord = input->coord,
                         .type = input->type,
                         .neighbors = input->neighbors,
                         .fparam = input->fparam,
                         .aparam = input->aparam,
                         .force = output->force,
                         .atom_energy = output->atom_energy,
                         .atom_virial = output->atom_virial};
}

/* The caller's atoms and the images found here, with results of their own. */
static dpc_status use_images(dpc_session *s, const dpc_input *input, const dpc_output *output,
                             dpc_system *system, dpc_error *error) {
  dpc_status status = dpc_builder_run(&s->builder, input->cell, s->model->manifest.facts.rcut,
                                      input->coord, input->type, input->nloc, error);
  if (status != DPC_OK) return status;
  const dpc_images *images = &s->builder.images;
  const size_t nall = (size_t)images->nall;
  use_caller(input, output, system);
  system->nall = images->nall;
  system->coord = images->coord;
  system->type = images->type;
  system->neighbors = &s->builder.list;
  if (output->force != NULL && images->nall > images->nloc) {
    status = dpc_reserve(&s->image_force, 3 * nall, sizeof(double), error);
    system->force = s->image_force.data;
  }
  if (status == DPC_OK && output->atom_virial != NULL && images->nall > images->nloc) {
    status = dpc_reserve(&s->image_atom_virial, 9 * nall, sizeof(double), error);
    system->atom_virial = s->image_atom_virial.data;
  }
  return status;
}

static dpc_status reserve_sums(dpc_session *s, const dpc_output *output, dpc_system *system,
                               dpc_error *error) {
  const size_t tiles = (size_t)s->tiles.count;
  dpc_status status = dpc_reserve(&s->tile_energy, tiles, sizeof(double), error);
  if (status == DPC_OK) status = dpc_reserve(&s->tile_virial, 9 * tiles, sizeof(double), error);
  if (status != DPC_OK) return status;
  if (output->energy != NULL) system->energy = s->tile_energy.data;
  if (output->virial != NULL) system->virial = s->tile_virial.data;
  clear(system->energy, tiles);
  clear(system->virial, 9 * tiles);
  clear(system->atom_energy, (size_t)system->nloc); /* of atoms without a list or a type */
  return DPC_OK;
}

/* In the order of the tiles: the same bits whatever the number of threads. */
static void sum_tiles(const dpc_session *s, const dpc_system *system, dpc_output *output) {
  clear(output->energy, 1);
  clear(output->virial, 9);
  for (int32_t k = 0; k < s->tiles.count; k++) {
    if (output->energy != NULL) *output->energy += system->energy[k];
    for (size_t i = 0; i < 9 && output->virial != NULL; i++)
      output->virial[i] += system->virial[9 * (size_t)k + i];
  }
}

static void fold_images(const dpc_session *s, const dpc_system *system, dpc_output *output) {
  if (system->force != output->force)
    dpc_images_fold(&s->builder.images, system->force, 3, output->force);
  if (system->atom_virial != output->atom_virial)
    dpc_images_fold(&s->builder.images, system->atom_virial, 9, output->atom_virial);
}

static dpc_status collect_warnings(const dpc_session *s, dpc_output *output, dpc_error *error) {
  for (int32_t t = 0; t < dpc_pool_threads(s->pool); t++) {
    output->sel_overflow += s->workers[t].sel_overflow;
    output->extrapolated += s->workers[t].extrapolated;
  }
  if (output->sel_overflow > 0) output->warnings |= DPC_WARN_SEL;
  if (output->extrapolated > 0) output->warnings |= DPC_WARN_EXTRAPOLATED;
  if (!(s->model->flags & DPC_STRICT) || output->warnings == 0) return DPC_OK;
  if (output->warnings & DPC_WARN_SEL)
    return dpc_fail(error, DPC_ERROR_LIMIT,
                    "%lld neighbours are more than the model's sel holds: it keeps the nearest. "
                    "Train with a larger sel",
                    (long long)output->sel_overflow);
  return dpc_fail(error, DPC_ERROR_NUMERIC,
                  "%lld pairs are closer than the tables of the model reach. Start from atoms "
                  "farther apart, or compile for a smaller distance",
                  (long long)output->extrapolated);
}

static dpc_status evaluate(dpc_session *s, const dpc_input *input, dpc_output *output,
                           dpc_error *error) {
  dpc_system system;
  dpc_status status = DPC_OK;
  const dpc_model *model = s->model;
  const int32_t tile = s->device != NULL ? MOST_OF_ONE_RANGE : model->abi->tile_atoms;
  if (input->memory == DPC_DEVICE) {
    status = dpc_device_run_foreign(s, input, output, error);
    if (status == DPC_OK) status = dpc_check_results(input, output, error);
    return status == DPC_OK ? collect_warnings(s, output, error) : status;
  }
  if (input->neighbors != NULL) use_caller(input, output, &system);
  else status = use_images(s, input, output, &system, error);
  if (status == DPC_OK)
    status = dpc_tiles_update(&s->tiles, system.neighbors, system.nloc, system.nall, system.type,
                              model->manifest.facts.ntypes, tile, error);
  if (status == DPC_OK && s->device != NULL) {
    status = dpc_device_run(s, &system, output, error);
  } else if (status == DPC_OK) {
    status = reserve_sums(s, output, &system, error);
    if (status == DPC_OK && model->fpga != NULL) status = dpc_fpga_run(s, &system, error);
    else if (status == DPC_OK) status = dpc_run(s, &system, error);
    if (status == DPC_OK) sum_tiles(s, &system, output);
  }
  if (status != DPC_OK) return status;
  fold_images(s, &system, output);
  status = dpc_check_results(input, output, error);
  return status == DPC_OK ? collect_warnings(s, output, error) : status;
}

dpc_status dpc_evaluate(dpc_session *s, const dpc_input *given, dpc_output *output,
                        dpc_error *error) {
  if (s == NULL) return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_evaluate: session is NULL");
  if (!dpc_pool_usable(s->pool))
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "this session has threads and was made before fork(): make one in the child");
  dpc_input read;
  const dpc_input *input = &read;
  dpc_status status = dpc_check_output(s->model, output, error);
  if (status == DPC_OK) status = dpc_read_input(given, &read, error);
  if (status == DPC_OK) status = dpc_check_input(s->model, input, error);
  if (status != DPC_OK) return status;
  output->warnings = 0;
  output->sel_overflow = output->extrapolated = 0;
  status = evaluate(s, input, output, error);
  if (status != DPC_OK) {
    clear_outputs(input, output);
    return status;
  }
  return dpc_succeed(error);
}
