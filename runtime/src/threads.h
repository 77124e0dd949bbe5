/* threads.h: the threads of one session. They sleep between calls. */
#ifndef DPC_THREADS_H
#define DPC_THREADS_H

#include <stdbool.h>

#include "dpc.h"

typedef struct dpc_pool dpc_pool;

/* Called once on every thread; `thread` is 0 on the caller's. */
typedef void dpc_job(void *context, int32_t thread);

/* `threads` includes the calling one. */
dpc_status dpc_pool_new(int32_t threads, dpc_pool **pool, dpc_error *error);
void dpc_pool_free(dpc_pool *pool);
int32_t dpc_pool_threads(const dpc_pool *pool);

/* False in a child of fork(): its copy of the pool has no threads. */
bool dpc_pool_usable(const dpc_pool *pool);

/* Returns when the job has returned on every thread. */
void dpc_pool_run(dpc_pool *pool, dpc_job *job, void *context);

#endif
