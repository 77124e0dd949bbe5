#define _GNU_SOURCE /* pthread_sigmask under -std=c11 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "threads.h"

typedef struct worker {
  dpc_pool *pool;
  int32_t index;
  pthread_t thread;
} worker;

struct dpc_pool {
  int32_t threads, started; /* `started` of the workers 1 .. threads - 1 run */
  pid_t process;
  pthread_mutex_t mutex;
  pthread_cond_t begin, end;
  uint64_t round;  /* jobs given out so far */
  int32_t running; /* workers that have not finished this round */
  bool stop;
  dpc_job *job;
  void *context;
  worker workers[];
};

static void *work(void *argument) {
  const worker *self = argument;
  dpc_pool *pool = self->pool;
  uint64_t round = 0;
  pthread_mutex_lock(&pool->mutex);
  for (;;) {
    while (pool->round == round && !pool->stop) pthread_cond_wait(&pool->begin, &pool->mutex);
    if (pool->stop) break;
    round = pool->round;
    dpc_job *job = pool->job;
    void *context = pool->context;
    pthread_mutex_unlock(&pool->mutex);
    job(context, self->index);
    pthread_mutex_lock(&pool->mutex);
    if (--pool->running == 0) pthread_cond_signal(&pool->end);
  }
  pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

/* Signals are the engine's: its handlers must run on its own threads. */
static int start_workers(dpc_pool *pool) {
  sigset_t all, before;
  int failure = 0;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int32_t i = 1; i < pool->threads && failure == 0; i++) {
    worker *w = &pool->workers[i - 1];
    *w = (worker){.pool = pool, .index = i};
    failure = pthread_create(&w->thread, NULL, work, w);
    if (failure == 0) pool->started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failure;
}

dpc_status dpc_pool_new(int32_t threads, dpc_pool **result, dpc_error *error) {
  const size_t bytes = sizeof(dpc_pool) + (size_t)threads * sizeof(worker);
  dpc_pool *pool = calloc(1, bytes);
  *result = NULL;
  if (pool == NULL) return dpc_out_of_memory(error, bytes);
  pool->threads = threads;
  pool->process = getpid();
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->begin, NULL);
  pthread_cond_init(&pool->end, NULL);
  const int failure = start_workers(pool);
  if (failure != 0) {
    dpc_fail(error, DPC_ERROR_MEMORY, "cannot start thread %d of %d: %s. Ask for fewer threads",
             pool->started + 2, threads, strerror(failure));
    dpc_pool_free(pool);
    return DPC_ERROR_MEMORY;
  }
  *result = pool;
  return DPC_OK;
}

int32_t dpc_pool_threads(const dpc_pool *pool) { return pool->threads; }

bool dpc_pool_usable(const dpc_pool *pool) {
  return pool->threads == 1 || pool->process == getpid();
}

void dpc_pool_free(dpc_pool *pool) {
  if (pool == NULL) return;
  if (dpc_pool_usable(pool)) {
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->mutex);
  }
  free(pool);
}

void dpc_pool_run(dpc_pool *pool, dpc_job *job, void *context) {
  if (pool->threads > 1) {
    pthread_mutex_lock(&pool->mutex);
    pool->job = job;
    pool->context = context;
    pool->running = pool->threads - 1;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->mutex);
  }
  job(context, 0);
  if (pool->threads > 1) {
    pthread_mutex_lock(&pool->mutex);
    while (pool->running > 0) pthread_cond_wait(&pool->end, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
  }
}
