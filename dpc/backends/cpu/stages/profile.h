/* profile.h: where the time of a tile goes. Nothing at all unless DPC_PROFILE is defined.
 *
 * DPC_STAGES(tile) starts the watch in run_tile, DPC_STAGE(name) ends one stage and begins the
 * next, DPC_ROWS(n) counts neighbours within the cutoff. When the library is closed, it writes
 * dpc-stages.<process>.txt in the working folder: lines of a name and a number, "atoms", "rows",
 * and each stage in seconds, summed over threads.
 */
#ifndef DPC_PROFILE_H
#define DPC_PROFILE_H

#ifndef DPC_PROFILE

#define DPC_STAGES(tile)
#define DPC_STAGE(name)
#define DPC_ROWS(count)

#else

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dpc_model.h"

enum { DPC_MOST_STAGES = 48 };

typedef struct dpc_watch {
  uint64_t spent[DPC_MOST_STAGES]; /* ticks */
  uint64_t last;
  int64_t atoms, rows;
  int stage;
} dpc_watch;

static struct dpc_totals {
  dpc_watch sum;
  const char *names[DPC_MOST_STAGES];
  int count;
  uint64_t first_tick;
  struct timespec first_time;
  unsigned char lock;
} dpc_totals;

static inline uint64_t dpc_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static inline void dpc_lock(void) {
  while (__atomic_test_and_set(&dpc_totals.lock, __ATOMIC_ACQUIRE)) continue;
}

static inline void dpc_unlock(void) { __atomic_clear(&dpc_totals.lock, __ATOMIC_RELEASE); }

/* The number of a stage, from 1; stages beyond the most share 0 with what is in no stage. */
static inline int dpc_stage_number(const char *name) {
  dpc_lock();
  int k = 1;
  while (k <= dpc_totals.count && strcmp(dpc_totals.names[k], name) != 0) k++;
  if (k == DPC_MOST_STAGES) {
    k = 0;
  } else if (k > dpc_totals.count) {
    dpc_totals.names[k] = name;
    dpc_totals.count = k;
  }
  dpc_unlock();
  return k;
}

static inline void dpc_watch_turn(dpc_watch *watch, int stage) {
  const uint64_t now = dpc_ticks();
  watch->spent[watch->stage] += now - watch->last;
  watch->last = now;
  watch->stage = stage;
}

static inline void dpc_watch_stop(dpc_watch *watch) {
  dpc_watch_turn(watch, 0);
  dpc_lock();
  for (int k = 0; k < DPC_MOST_STAGES; k++) dpc_totals.sum.spent[k] += watch->spent[k];
  dpc_totals.sum.atoms += watch->atoms;
  dpc_totals.sum.rows += watch->rows;
  dpc_unlock();
}

__attribute__((constructor)) static void dpc_profile_begin(void) {
  timespec_get(&dpc_totals.first_time, TIME_UTC);
  dpc_totals.first_tick = dpc_ticks();
}

__attribute__((destructor)) static void dpc_profile_end(void) {
  if (dpc_totals.sum.atoms == 0) return;
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  const double ticks = (double)(dpc_ticks() - dpc_totals.first_tick);
  const double seconds = (double)(now.tv_sec - dpc_totals.first_time.tv_sec) +
                         1e-9 * (double)(now.tv_nsec - dpc_totals.first_time.tv_nsec);
  char name[64];
  snprintf(name, sizeof name, "dpc-stages.%ld.txt", (long)getpid());
  FILE *file = fopen(name, "w");
  if (file == NULL) return;
  fprintf(file, "atoms %lld\nrows %lld\n", (long long)dpc_totals.sum.atoms,
          (long long)dpc_totals.sum.rows);
  dpc_totals.names[0] = "other";
  for (int k = 0; k <= dpc_totals.count; k++)
    fprintf(file, "%s %.9g\n", dpc_totals.names[k],
            (double)dpc_totals.sum.spent[k] * seconds / ticks);
  fclose(file);
}

#define DPC_STAGES(tile)                                                                           \
  dpc_watch dpc_profile                                                                            \
      __attribute__((cleanup(dpc_watch_stop))) = {.last = dpc_ticks(), .atoms = (tile)->count}
#define DPC_STAGE(name)                                                                            \
  do {                                                                                             \
    static int dpc_number = -1;                                                                    \
    int dpc_known = __atomic_load_n(&dpc_number, __ATOMIC_RELAXED);                                \
    if (dpc_known < 0) {                                                                           \
      dpc_known = dpc_stage_number(#name);                                                         \
      __atomic_store_n(&dpc_number, dpc_known, __ATOMIC_RELAXED);                                  \
    }                                                                                              \
    dpc_watch_turn(&dpc_profile, dpc_known);                                                       \
  } while (0)
#define DPC_ROWS(count) dpc_profile.rows += (count)

#endif
#endif
