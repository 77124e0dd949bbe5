/* launch.h: what plan.c of a package for a GPU is written with. */
#ifndef DPC_LAUNCH_H
#define DPC_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include "dpc_device.h"
#include "dpc_model.h"

/* Arguments of a kernel. */
#define MEMORY(which) {.memory = (which)}
#define ARRAY(name) MEMORY(step->arrays[ARRAY_##name])
#define TENSOR(number) MEMORY(step->tensors[number])
#define NUMBER(which) {.value = &(which), .size = sizeof(which)}
#define VALUE(type, number) {.value = &(const type){number}, .size = sizeof(type)}
#define NOTHING {0}

#define IF(wanted, argument) {.memory = (wanted) ? (dpc_argument)argument.memory : NULL}

/* Calls that leave the function when they fail. */
#define LAUNCH(kernel, blocks, threads, ...)                                                       \
  do {                                                                                             \
    const dpc_argument arguments[] = {__VA_ARGS__};                                                \
    const uint32_t grid[3] = {(uint32_t)(blocks), 1, 1}, block[3] = {(threads), 1, 1};             \
    const int32_t failed =                                                                         \
        step->call->launch(step->queue, step->kernels[kernel], grid, block, 0, arguments,          \
                           (int32_t)(sizeof arguments / sizeof *arguments));                       \
    if (failed) return failed;                                                                     \
  } while (0)
#define ZERO(array, bytes)                                                                         \
  do {                                                                                             \
    const int32_t failed = step->call->zero(step->queue, step->arrays[array], (bytes));            \
    if (failed) return failed;                                                                     \
  } while (0)

/* Are forces wanted, or what comes with them? */
#define FORCES(step) ((step)->force || (step)->virial || (step)->atom_virial)

#endif
