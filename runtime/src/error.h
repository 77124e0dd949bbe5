/* error.h: how a failure reaches the caller. */
#ifndef DPC_ERROR_H
#define DPC_ERROR_H

#include <stddef.h>

#include "dpc.h"

/* Writes status and message to `error` (which may be NULL) and returns status. */
dpc_status dpc_fail(dpc_error *error, dpc_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

dpc_status dpc_succeed(dpc_error *error);

dpc_status dpc_out_of_memory(dpc_error *error, size_t bytes);

#endif
