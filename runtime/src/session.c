#include <stdlib.h>

#include "device_fpga.h"
#include "device_session.h"
#include "session.h"

dpc_status dpc_session_new(const dpc_model *model, dpc_session **session, dpc_error *error) {
  if (session == NULL)
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_session_new: session is NULL");
  *session = NULL;
  if (model == NULL) return dpc_fail(error, DPC_ERROR_ARGUMENT, "dpc_session_new: model is NULL");
  dpc_session *made = calloc(1, sizeof *made);
  dpc_worker *workers = calloc((size_t)model->threads, sizeof *workers);
  if (made == NULL || workers == NULL) {
    free(made);
    free(workers);
    return dpc_out_of_memory(error, sizeof *made + (size_t)model->threads * sizeof *workers);
  }
  /* the only part of a model that changes: how many hold it */
  made->model = (dpc_model *)(uintptr_t)model;
  atomic_fetch_add(&made->model->owners, 1);
  made->workers = workers;
  dpc_status status = dpc_pool_new(model->threads, &made->pool, error);
  if (status == DPC_OK && model->device.driver != NULL)
    status = dpc_device_session_new(made->model, &made->device, error);
  if (status != DPC_OK) {
    dpc_session_free(made);
    return status;
  }
  *session = made;
  return dpc_succeed(error);
}

void dpc_session_free(dpc_session *session) {
  if (session == NULL) return;
  dpc_pool_free(session->pool);
  dpc_fpga_forget(session->model, session);
  dpc_device_session_free(session->device);
  for (int32_t i = 0; i < session->model->threads; i++) {
    dpc_release(&session->workers[i].scratch);
    dpc_release(&session->workers[i].force);
    dpc_release(&session->workers[i].atom_virial);
  }
  free(session->workers);
  dpc_builder_free(&session->builder);
  dpc_tiles_free(&session->tiles);
  dpc_release(&session->tile_energy);
  dpc_release(&session->tile_virial);
  dpc_release(&session->fpga_energy);
  dpc_release(&session->image_force);
  dpc_release(&session->image_atom_virial);
  dpc_close(session->model);
  free(session);
}
