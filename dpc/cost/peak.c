/* peak.c: what one core of this machine can do, for the roofline of dpc check.
 *
 * Time of the thread, best of a few short rounds: other processes on the core cost little,
 * and all of it takes a small part of a second. Compiled with the flags of a target.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#ifndef VECTOR
#define VECTOR 16 /* bytes of a vector register */
#endif

typedef double doubles __attribute__((vector_size(VECTOR)));
typedef float floats __attribute__((vector_size(VECTOR)));

enum { CHAINS = 12, STEPS = 100000, ROUNDS = 7, READ = 16 << 20, LARGEST = 64 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* CHAINS independent multiply-adds keep every FMA unit busy. */
#define ARITHMETIC(NAME, TYPE, LANES)                                                              \
  static double NAME(void) {                                                                       \
    TYPE sum[CHAINS], factor, term;                                                                \
    for (int c = 0; c < CHAINS; c++) sum[c] = (TYPE){0} + (float)c;                                \
    factor = (TYPE){0} + 0.999f;                                                                   \
    term = (TYPE){0} + 1e-3f;                                                                      \
    __asm__ volatile("" : "+m"(factor), "+m"(term));                                               \
    const double start = now();                                                                    \
    for (int i = 0; i < STEPS; i++) {                                                              \
      _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + term;   \
    }                                                                                              \
    const double seconds = now() - start;                                                          \
    for (int c = 0; c < CHAINS; c++) __asm__ volatile("" : : "m"(sum[c]));                         \
    return 2.0 * (LANES) * CHAINS * STEPS / seconds;                                               \
  }

ARITHMETIC(f64, doubles, VECTOR / 8)
ARITHMETIC(f32, floats, VECTOR / 4)

#ifdef __AVX512BF16__
static double bf16(void) {
  __m512 sum[CHAINS];
  __m512bh a, b;
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  __asm__ volatile("" : "+m"(a), "+m"(b));
  for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_setzero_ps();
  const double start = now();
  for (int i = 0; i < STEPS; i++) {
    _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] =
        _mm512_dpbf16_ps(sum[c], a, b);
  }
  const double seconds = now() - start;
  for (int c = 0; c < CHAINS; c++) __asm__ volatile("" : : "m"(sum[c]));
  return 2.0 * 32 * CHAINS * STEPS / seconds;
}
#endif

/* Each operation waits for the one before it, and takes a cycle. */
static double clock_rate(void) {
  unsigned long x = 1, y = 3;
  __asm__ volatile("" : "+r"(y));
  const double start = now();
  for (int i = 0; i < STEPS; i++) {
    _Pragma("GCC unroll 16") for (int k = 0; k < 16; k++) {
      x ^= y;
      __asm__ volatile("" : "+r"(x));
    }
  }
  return 16.0 * STEPS / (now() - start);
}

static double reading(size_t bytes, const char *data) {
  doubles sum[8] = {0};
  const size_t times = READ / bytes > 0 ? READ / bytes : 1;
  const double start = now();
  for (size_t t = 0; t < times; t++) {
    __asm__ volatile("" : "+r"(data)); /* every round reads anew */
    for (size_t at = 0; at + 8 * VECTOR <= bytes; at += 8 * VECTOR) {
      _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) sum[k] +=
          *(const doubles *)(data + at + k * VECTOR);
    }
  }
  const double seconds = now() - start;
  doubles total = {0};
  for (int k = 0; k < 8; k++) total += sum[k];
  __asm__ volatile("" : : "m"(total));
  return (double)times * (double)bytes / seconds;
}

static double best(double (*rate)(void)) {
  double most = 0;
  for (int i = 0; i < ROUNDS; i++) {
    const double one = rate();
    most = one > most ? one : most;
  }
  return most;
}

/* Rates by index: flops per second of f64, f32 and bf16 (0: no unit for it), then bytes per
 * second from working sets that the first, second and third cache and memory hold, then cycles per
 * second. */
__attribute__((visibility("default"))) int dpc_peak(double rates[8]) {
  enum { SIZES = 4 };
  const size_t sizes[SIZES] = {16 << 10, 256 << 10, 4 << 20, LARGEST};
  char *data = aligned_alloc(64, LARGEST);
  if (data == NULL) return 1;
  memset(data, 0, LARGEST);
  rates[0] = best(f64);
  rates[1] = best(f32);
#ifdef __AVX512BF16__
  rates[2] = best(bf16);
#else
  rates[2] = 0;
#endif
  for (int k = 0; k < SIZES; k++) {
    rates[3 + k] = 0;
    for (int i = 0; i < ROUNDS; i++) {
      const double one = reading(sizes[k], data);
      rates[3 + k] = one > rates[3 + k] ? one : rates[3 + k];
    }
  }
  rates[7] = best(clock_rate);
  free(data);
  return 0;
}
