#include <math.h>
#include <stddef.h>
#include <string.h>

#include "session.h"

/* Farther from the origin than this, distances between atoms lose their last digits. */
static const double FARTHEST = 1e8;

static dpc_status refuse(dpc_error *error, const char *what) {
  return dpc_fail(error, DPC_ERROR_ARGUMENT, "%s", what);
}

/* The first of n numbers that is not finite or too large; n when there is none. */
static size_t find_bad(const double *x, size_t n, double largest) {
  int bad = 0; /* one pass without branches, and a second one only to say which */
  for (size_t i = 0; i < n; i++) bad |= !(fabs(x[i]) <= largest);
  if (!bad) return n;
  size_t i = 0;
  while (fabs(x[i]) <= largest) i++;
  return i;
}

static size_t find_not_finite(const double *x, size_t n) {
  return find_bad(x, n, 1.7976931348623157e308);
}

static dpc_status check_on_device(const dpc_input *input, dpc_error *error) {
  const dpc_device_neighbors *list = input->device_neighbors;
  if (input->neighbors != NULL || input->cell != NULL)
    return refuse(error, "neighbors or cell is given, but memory is DPC_DEVICE: the list must be "
                         "in device_neighbors, with the ghosts it needs");
  if (list == NULL) return refuse(error, "memory is DPC_DEVICE, but device_neighbors is NULL");
  if (list->count < 0 || list->count > input->nloc)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "device_neighbors: count is %d, but must be 0 to nloc, which is %d",
                    list->count, input->nloc);
  if (list->count > 0 && (list->numneigh == NULL || list->entries == NULL))
    return refuse(error, "device_neighbors: numneigh or entries is NULL");
  return DPC_OK;
}

/* The caller's input, of whatever version, as this one knows it. */
dpc_status dpc_read_input(const dpc_input *given, dpc_input *input, dpc_error *error) {
  static const size_t oldest = offsetof(dpc_input, memory);
  *input = (dpc_input){0};
  if (given == NULL) return refuse(error, "dpc_evaluate: input is NULL");
  if (given->size < oldest)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_input.size is %u, but must be sizeof(dpc_input), %zu", given->size,
                    sizeof *given);
  memcpy(input, given, given->size < sizeof *input ? given->size : sizeof *input);
  return DPC_OK;
}

static dpc_status check_sizes(const dpc_input *input, dpc_error *error) {
  if (input->nloc < 0 || input->nall < input->nloc)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "nloc is %d and nall is %d, but 0 <= nloc <= nall must hold", input->nloc,
                    input->nall);
  if (input->nall > 0 && input->coord == NULL) return refuse(error, "coord is NULL");
  if (input->nall > 0 && input->type == NULL) return refuse(error, "type is NULL");
  if (input->memory != DPC_HOST && input->memory != DPC_DEVICE)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_input.memory is %d, but must be DPC_HOST (0) or DPC_DEVICE (1)",
                    input->memory);
  if (input->memory == DPC_DEVICE) return check_on_device(input, error);
  if (input->device_neighbors != NULL)
    return refuse(error, "device_neighbors are given, but memory is DPC_HOST");
  if (input->neighbors == NULL && input->nall != input->nloc)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "neighbors is NULL, so nall (%d) must be nloc (%d): images are found here",
                    input->nall, input->nloc);
  if (input->neighbors != NULL && input->cell != NULL)
    return refuse(error, "both neighbors and cell are given: with neighbors, the images are the "
                         "caller's ghosts and cell must be NULL");
  return DPC_OK;
}

static dpc_status check_coord(const dpc_input *input, dpc_error *error) {
  const size_t n = 3 * (size_t)input->nall, bad = find_bad(input->coord, n, FARTHEST);
  if (bad == n) return DPC_OK;
  const double *x = input->coord + bad / 3 * 3;
  return dpc_fail(error, DPC_ERROR_ARGUMENT,
                  "coord: atom %zu (counted from 0) is at (%g, %g, %g), which is not %s", bad / 3,
                  x[0], x[1], x[2],
                  isfinite(input->coord[bad]) ? "within 1e8 of the origin" : "finite");
}

static dpc_status check_types(const dpc_model *model, const dpc_input *input, dpc_error *error) {
  const int32_t ntypes = model->manifest.facts.ntypes;
  for (int32_t i = 0; i < input->nall; i++)
    if (input->type[i] >= ntypes)
      return dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "type: atom %d (counted from 0) has type %d, but %.200s has types 0 to %d", i,
                      input->type[i], model->name, ntypes - 1);
  return DPC_OK;
}

/* fparam or aparam: there when the model has them, absent when not, finite. */
static dpc_status check_params(const char *name, const double *values, size_t n, int32_t width,
                               const dpc_model *model, dpc_error *error) {
  if (width == 0 && values != NULL)
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "%s is given, but %.200s has none", name,
                    model->name);
  if (n > 0 && values == NULL)
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "%s is NULL, but %.200s needs %d value%s%s", name,
                    model->name, width, width > 1 ? "s" : "",
                    name[0] == 'a' ? " for every atom" : "");
  const size_t bad = find_not_finite(values, n);
  if (bad == n) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_ARGUMENT, "%s: value %zu is %g, which is not finite", name, bad,
                  values[bad]);
}

dpc_status dpc_check_input(const dpc_model *model, const dpc_input *input, dpc_error *error) {
  const bool here = input->memory == DPC_HOST;
  dpc_status status = check_sizes(input, error);
  if (status == DPC_OK && !here && model->device.driver == NULL)
    status = dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "dpc_input.memory is DPC_DEVICE, but %.200s runs on the CPU", model->name);
  if (status == DPC_OK && here) status = check_coord(input, error);
  if (status == DPC_OK && here) status = check_types(model, input, error);
  if (status == DPC_OK && input->cell != NULL && find_bad(input->cell, 9, FARTHEST) != 9) {
    const size_t bad = find_bad(input->cell, 9, FARTHEST);
    status = dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "cell: component %zu of vector %zu is %g, which is not %s", bad % 3, bad / 3,
                      input->cell[bad], isfinite(input->cell[bad]) ? "below 1e8" : "finite");
  }
  const dpc_facts *facts = &model->manifest.facts;
  if (status == DPC_OK)
    status =
        check_params("fparam", input->fparam, (size_t)facts->fparam, facts->fparam, model, error);
  if (status == DPC_OK && here)
    status = check_params("aparam", input->aparam, (size_t)facts->aparam * (size_t)input->nloc,
                          facts->aparam, model, error);
  else if (status == DPC_OK && (input->aparam != NULL) != (facts->aparam > 0))
    status = dpc_fail(error, DPC_ERROR_ARGUMENT, "aparam is %s, but %.200s %s",
                      input->aparam != NULL ? "given" : "NULL", model->name,
                      input->aparam != NULL ? "has none" : "needs it for every atom");
  return status;
}

dpc_status dpc_check_output(const dpc_model *model, const dpc_output *output, dpc_error *error) {
  if (output == NULL) return refuse(error, "dpc_evaluate: output is NULL");
  if (output->size < sizeof *output)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "dpc_output.size is %u, but must be sizeof(dpc_output), %zu", output->size,
                    sizeof *output);
  const struct {
    const char *name;
    const double *wanted;
    uint32_t bit;
  } outputs[] = {{"energy", output->energy, DPC_ENERGY},
                 {"force", output->force, DPC_FORCE},
                 {"virial", output->virial, DPC_VIRIAL},
                 {"atom_energy", output->atom_energy, DPC_ATOM_ENERGY},
                 {"atom_virial", output->atom_virial, DPC_ATOM_VIRIAL}};
  if (output->atom_virial != NULL && model->fpga != NULL)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "virials of atoms are wanted, which a card does not compute. Leave them out, "
                    "or open %.200s on the device 'host', which gives the same bits",
                    model->name);
  for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
    if (outputs[i].wanted != NULL && !(model->manifest.facts.outputs & outputs[i].bit))
      return dpc_fail(error, DPC_ERROR_ARGUMENT,
                      "%s is wanted, but %.200s does not compute it. Leave it NULL",
                      outputs[i].name, model->name);
  return DPC_OK;
}

static dpc_status check_finite(const char *name, const double *values, size_t n, size_t width,
                               dpc_error *error) {
  const size_t bad = values != NULL ? find_not_finite(values, n * width) : n * width;
  if (bad == n * width) return DPC_OK;
  if (n == 1)
    return dpc_fail(error, DPC_ERROR_NUMERIC,
                    "the %s is %g. Look for atoms that are almost at one place", name, values[bad]);
  return dpc_fail(error, DPC_ERROR_NUMERIC,
                  "the %s of atom %zu (counted from 0) is %g. Look for atoms that are almost at "
                  "one place",
                  name, bad / width, values[bad]);
}

dpc_status dpc_check_results(const dpc_input *input, const dpc_output *output, dpc_error *error) {
  const size_t nloc = (size_t)input->nloc, nall = (size_t)input->nall;
  dpc_status status = DPC_OK;
  /* atoms first: they say where */
  if (input->memory == DPC_HOST) status = check_finite("force", output->force, nall, 3, error);
  if (status == DPC_OK && input->memory == DPC_HOST)
    status = check_finite("energy", output->atom_energy, nloc, 1, error);
  if (status == DPC_OK && input->memory == DPC_HOST)
    status = check_finite("virial", output->atom_virial, nall, 9, error);
  if (status == DPC_OK) status = check_finite("energy", output->energy, 1, 1, error);
  if (status == DPC_OK) status = check_finite("virial", output->virial, 1, 9, error);
  return status;
}
