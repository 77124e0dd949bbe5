#define _GNU_SOURCE /* dlclose under -std=c11 */
#include <dlfcn.h>
#include <stdlib.h>

#include "device_fpga.h"

void dpc_close(dpc_model *model) {
  if (model == NULL || atomic_fetch_sub(&model->owners, 1) > 1) return;
  dpc_device_model_close(model);
  dpc_fpga_model_close(model);
  if (model->library != NULL) dlclose(model->library);
  dpc_file_unmap(&model->params);
  dpc_manifest_free(&model->manifest);
  free(model->target);
  free(model->name);
  free(model);
}
