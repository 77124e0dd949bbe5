#include "device_session.h"

#include <stdlib.h>

static dpc_status get_kernels(dpc_device_session *d, dpc_error *error) {
  const dpc_driver *driver = d->device->driver;
  for (int32_t i = 0; i < d->plan->nkernels; i++) {
    d->kernel_list[i] = &d->kernels[i];
    const dpc_status status =
        driver->get_kernel(d->device, d->plan->kernels[i], &d->kernels[i], error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

static dpc_status reserve_sums(dpc_device_session *d, dpc_error *error) {
  dpc_status status = dpc_device_allocate(d->device, sizeof(double), &d->energy, error);
  if (status == DPC_OK)
    status = dpc_device_allocate(d->device, 9 * sizeof(double), &d->virial, error);
  if (status == DPC_OK)
    status = dpc_device_allocate(d->device, DPC_COUNTERS * sizeof(int64_t), &d->counters, error);
  return status;
}

dpc_status dpc_device_session_new(dpc_model *model, dpc_device_session **session,
                                  dpc_error *error) {
  const dpc_device_plan *plan = model->abi->device;
  const size_t kernels = (size_t)plan->nkernels + 1, arrays = (size_t)plan->narrays + 1;
  dpc_device_session *d = calloc(1, sizeof *d);
  if (d == NULL) return dpc_out_of_memory(error, sizeof *d);
  *session = d;
  d->device = &model->device;
  d->plan = plan;
  d->kernels = calloc(kernels, sizeof *d->kernels);
  d->kernel_list = calloc(kernels, sizeof *d->kernel_list);
  d->arrays = calloc(arrays, sizeof *d->arrays);
  d->array_list = calloc(arrays, sizeof *d->array_list);
  if (d->kernels == NULL || d->kernel_list == NULL || d->arrays == NULL || d->array_list == NULL)
    return dpc_out_of_memory(error, (kernels + arrays) * sizeof *d->arrays);
  for (int32_t i = 0; i < plan->narrays; i++) d->array_list[i] = &d->arrays[i];
  dpc_status status = model->device.driver->enter(&model->device, error);
  if (status == DPC_OK) status = model->device.driver->open_queue(&model->device, &d->queue, error);
  if (status == DPC_OK) status = get_kernels(d, error);
  return status == DPC_OK ? reserve_sums(d, error) : status;
}

void dpc_device_session_free(dpc_device_session *d) {
  if (d == NULL) return;
  const dpc_driver *driver = d->device->driver;
  dpc_memory *owned[] = {&d->coord,       &d->type,       &d->fparam,  &d->aparam, &d->centers,
                         &d->starts,      &d->counts,     &d->entries, &d->force,  &d->atom_energy,
                         &d->atom_virial, &d->row_starts, &d->energy,  &d->virial, &d->counters};
  dpc_buffer *buffers[] = {&d->row_start, &d->packed, &d->type_start, &d->type_copy,
                           &d->chunks.buffer};
  driver->enter(d->device, NULL);
  dpc_device_forget(d);
  /* first: after a failed wait it may still use what is released below */
  if (d->queue.device != NULL) driver->close_queue(&d->queue);
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) dpc_device_release(d->device, owned[i]);
  for (int32_t i = 0; d->arrays != NULL && i < d->plan->narrays; i++)
    dpc_device_release(d->device, &d->arrays[i]);
  for (int32_t i = 0; d->kernels != NULL && i < d->plan->nkernels; i++)
    driver->free_kernel(d->device, &d->kernels[i]);
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) dpc_release(buffers[i]);
  free(d->kernels);
  free(d->kernel_list);
  free(d->arrays);
  free(d->array_list);
  free(d);
}
