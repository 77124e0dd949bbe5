#include <stdarg.h>
#include <stdio.h>

#include "error.h"

dpc_status dpc_fail(dpc_error *error, dpc_status status, const char *format, ...) {
  if (error != NULL) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return status;
}

dpc_status dpc_succeed(dpc_error *error) {
  if (error != NULL) {
    error->status = DPC_OK;
    error->message[0] = '\0';
  }
  return DPC_OK;
}

dpc_status dpc_out_of_memory(dpc_error *error, size_t bytes) {
  return dpc_fail(error, DPC_ERROR_MEMORY,
                  "not enough memory: %zu more bytes were needed. Use fewer atoms per rank", bytes);
}
