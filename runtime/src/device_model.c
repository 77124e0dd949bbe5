#include <stdlib.h>
#include <string.h>

#include "model.h"

static dpc_status check_plan(const dpc_model *model, const dpc_device_plan *plan,
                             dpc_error *error) {
  const char *wrong = NULL;
  if (plan->abi != DPC_DEVICE_ABI)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: its plan was made for device ABI %u, this libdpc reads %d. Compile "
                    "the model again with this dpc",
                    model->name, plan->abi, DPC_DEVICE_ABI);
  if (plan->size < sizeof *plan) wrong = "its plan is too short";
  else if (plan->driver == NULL || dpc_driver_find(plan->driver) == NULL)
    wrong = "its plan names no driver of this libdpc";
  else if (plan->ncodes < 1 || plan->codes == NULL) wrong = "its plan names no code";
  else if (plan->begin == NULL || plan->chunk == NULL || plan->finish == NULL)
    wrong = "its plan has no functions";
  for (int32_t i = 0; wrong == NULL && i < plan->ntensors; i++)
    if (plan->tensors[i].offset > model->params.size ||
        plan->tensors[i].bytes > model->params.size - plan->tensors[i].offset)
      wrong = "a tensor ends after params.safetensors";
  if (wrong == NULL) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_FILE,
                  "%.200s: bin/host.so does not fit this libdpc: %s. Compile the model again",
                  model->name, wrong);
}

static dpc_status load(dpc_model *model, const char *folder, const dpc_code *code,
                       dpc_error *error) {
  const dpc_manifest_file *entry = dpc_manifest_find(&model->manifest, code->file);
  dpc_file file = {0};
  if (entry == NULL)
    return dpc_fail(error, DPC_ERROR_FILE,
                    "%.200s: manifest.json does not name %.100s. Compile the model again",
                    model->name, code->file);
  dpc_status status = dpc_file_map(folder, entry->path, &file, error);
  if (status != DPC_OK) return status;
  status = dpc_check_file(model, entry, &file, error);
  if (status == DPC_OK)
    status = model->device.driver->load(&model->device, file.data, file.size, code->options, error);
  dpc_file_unmap(&file);
  return status;
}

/* "sm_80 sm_90": as many as fit. */
static void list_codes(const dpc_device_plan *plan, char *text, size_t size) {
  size_t used = 0;
  for (int32_t i = 0; i < plan->ncodes; i++) {
    const size_t length = strlen(plan->codes[i].arch);
    if (used + length + 2 > size) return;
    if (used > 0) text[used++] = ' ';
    memcpy(text + used, plan->codes[i].arch, length + 1);
    used += length;
  }
}

/* Loads the best of the codes that the device runs; where several are as good, the first that
 * loads. */
static dpc_status load_best(dpc_model *model, const char *folder, dpc_error *error) {
  const dpc_device_plan *plan = model->abi->device;
  dpc_device *device = &model->device;
  int32_t best = 0;
  for (int32_t i = 0; i < plan->ncodes; i++) {
    const int32_t rank = device->driver->rank(device, plan->codes[i].arch);
    if (rank > best) best = rank;
  }
  dpc_status status = DPC_OK;
  for (int32_t i = 0; i < plan->ncodes && best > 0; i++) {
    if (device->driver->rank(device, plan->codes[i].arch) != best) continue;
    status = load(model, folder, &plan->codes[i], error);
    if (status != DPC_ERROR_DEVICE) return status;
  }
  if (status != DPC_OK) return status;
  char codes[128] = "";
  list_codes(plan, codes, sizeof codes);
  return dpc_fail(error, DPC_ERROR_DEVICE,
                  "%.100s: has code for %s, but %s device %d (%.60s) is %s. Compile it for that:\n"
                  "    dpc compile model.pt --target %.20s:%s -o %.100s",
                  model->name, codes, device->driver->title, device->index, device->name,
                  device->arch, model->manifest.kind, device->arch, model->name);
}

static dpc_status upload_tensors(dpc_model *model, dpc_queue *queue, dpc_error *error) {
  const dpc_device_plan *plan = model->abi->device;
  dpc_status status = DPC_OK;
  dpc_error driver = {0};
  size_t bytes = 0;
  for (int32_t i = 0; i < plan->ntensors && status == DPC_OK; i++) {
    const dpc_tensor *tensor = &plan->tensors[i];
    model->tensor_list[i] = &model->tensors[i];
    bytes += tensor->bytes;
    status = dpc_device_allocate(&model->device, tensor->bytes, &model->tensors[i], &driver);
    if (status == DPC_OK)
      status = model->device.driver->upload(
          queue, &model->tensors[i], model->params.data + tensor->offset, tensor->bytes, &driver);
  }
  const dpc_status waited = model->device.driver->wait(queue, status == DPC_OK ? &driver : NULL);
  if (status == DPC_OK) status = waited;
  if (status == DPC_OK) return DPC_OK;
  return dpc_fail(error, status,
                  "%.100s: its nets and tables do not reach the device (at %zu bytes): %.300s",
                  model->name, bytes, driver.message);
}

static dpc_status copy_tensors(dpc_model *model, dpc_error *error) {
  const size_t n = (size_t)model->abi->device->ntensors + 1;
  model->tensors = calloc(n, sizeof *model->tensors);
  model->tensor_list = calloc(n, sizeof *model->tensor_list);
  if (model->tensors == NULL || model->tensor_list == NULL)
    return dpc_out_of_memory(error, n * sizeof *model->tensors);
  dpc_queue queue = {0};
  dpc_status status = model->device.driver->open_queue(&model->device, &queue, error);
  if (status == DPC_OK) status = upload_tensors(model, &queue, error);
  if (queue.device != NULL) model->device.driver->close_queue(&queue);
  return status;
}

dpc_status dpc_device_model_open(dpc_model *model, const char *folder, const dpc_options *options,
                                 dpc_error *error) {
  const dpc_device_plan *plan = model->abi->device;
  dpc_status status = check_plan(model, plan, error);
  if (status != DPC_OK) return status;
  dpc_error driver = {0};
  status = dpc_device_open(dpc_driver_find(plan->driver), options->device, options->context,
                           (size_t)options->device_bytes, &model->device, &driver);
  if (status != DPC_OK)
    return dpc_fail(error, status, "%.100s: %.390s", model->name, driver.message);
  status = load_best(model, folder, error);
  return status == DPC_OK ? copy_tensors(model, error) : status;
}

void dpc_device_model_close(dpc_model *model) {
  dpc_device *device = &model->device;
  if (device->driver == NULL) return;
  device->driver->enter(device, NULL);
  for (int32_t i = 0; model->tensors != NULL && i < model->abi->device->ntensors; i++)
    dpc_device_release(device, &model->tensors[i]);
  free(model->tensors);
  free(model->tensor_list);
  dpc_device_close(device);
}
