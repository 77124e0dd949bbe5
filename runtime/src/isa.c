#define _DEFAULT_SOURCE /* syscall */
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "isa.h"

#if defined(__x86_64__)

#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const levels[] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};

/* The highest level of the x86-64 psABI that processor and kernel both support. The
 * compiler's answer includes whether the kernel saves the wide registers. */
static int host_level(void) {
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") &&
                  __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2") &&
                  __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("fma");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? 3 : v3 ? 2 : v2 ? 1 : 0;
}

/* Instructions that only some processors of a level have, named after it in this order:
 * "x86-64-v4+bf16", "x86-64-v4+bf16+amx". */
enum { BF16 = 1, AMX = 2 };

static const struct {
  const char *isa;
  int features;
} with_features[] = {{"x86-64-v4+bf16+amx", BF16 | AMX}, {"x86-64-v4+bf16", BF16}};

/* The tile registers are large: Linux gives them only to a process that asks. */
static bool may_use_tiles(void) {
#ifdef __linux__
  enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
#else
  return false;
#endif
}

static int host_features(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  int found = 0;
  if (host_level() < 3) return 0;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1)) found |= BF16;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1)) found |= AMX;
  return found;
}

static const char *host(void) {
  for (size_t k = 0; k < sizeof with_features / sizeof *with_features; k++)
    if ((with_features[k].features & ~host_features()) == 0) return with_features[k].isa;
  return levels[host_level()];
}

static bool runs(const char *isa) {
  for (size_t k = 0; k < sizeof with_features / sizeof *with_features; k++) {
    const int features = with_features[k].features;
    if (strcmp(isa, with_features[k].isa) == 0)
      return (features & ~host_features()) == 0 && (!(features & AMX) || may_use_tiles());
  }
  for (int level = host_level(); level >= 0; level--)
    if (strcmp(isa, levels[level]) == 0) return true;
  return false;
}

#elif defined(__aarch64__)

static const char *host(void) { return "aarch64"; }
static bool runs(const char *isa) { return strcmp(isa, "aarch64") == 0; }

#else

static const char *host(void) { return "another processor"; }
static bool runs(const char *isa) { return isa[0] == '\0'; }

#endif

dpc_status dpc_isa_check(const char *package, const char *isa, dpc_error *error) {
  if (isa[0] == '\0' || runs(isa)) return DPC_OK;
  return dpc_fail(error, DPC_ERROR_DEVICE,
                  "%.200s: made for %.40s, but this processor is %s. Compile the model for it:\n"
                  "    dpc compile model.pt --target cpu -o %.100s",
                  package, isa, host(), dpc_file_name(package));
}
