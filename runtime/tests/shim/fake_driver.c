/* fake_driver.c: libcuda.so.1 (with -DFAKE_CUDA) or libamdhip64.so, which run kernels on the CPU.
 *
 * The code of a module is not looked at, but for its first bytes: kernels come from the library
 * that $FAKE_GPU_KERNELS names, made of the same text by cuda_on_cpu.h. Streams keep their
 * order and run when somebody waits, so that nobody can count on work that was only queued.
 *
 *     FAKE_GPU_DEVICES=n       devices, 2 if not set
 *     FAKE_GPU_MEMORY=bytes    of each device
 *     FAKE_GPU_ARCH            "80" for sm_80, "gfx90a"
 *     FAKE_GPU_FAIL=name:k     the k-th call of a function, counted from 1, fails
 *     FAKE_GPU_FAIL=name:k:e   … with the code e
 *     FAKE_GPU_LOG=file        what was called how often, and what was not given back, at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FAKE_CUDA
#define NAME(cuda, hip) cuda
#define DEFAULT_ARCH "80"
#else
#define NAME(cuda, hip) hip
#define DEFAULT_ARCH "gfx90a"
#endif

enum {
  OK = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY = 209,
  NOT_FOUND = 500,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  CAPTURE_INVALID = 901,
  MOST_CALLS = 64,
  MOST_BLOCKS = 4096,
  MOST_ARGUMENTS = 64
};

typedef struct allocation {
  void *data;
  size_t bytes;
} allocation;

/* One thing in a stream. */
typedef struct work {
  struct work *next;
  enum { COPY, FILL, LAUNCH } kind;
  void *to;
  const void *from;
  size_t bytes;
  void (*body)(void **);
  unsigned grid[3], block[3];
  int count;
  uint64_t values[MOST_ARGUMENTS];
} work;

typedef struct stream {
  work *first, *last;
  int capturing;
} stream;

typedef int launcher(void (*)(void **), const unsigned[3], const unsigned[3], void **, unsigned,
                     char *, size_t);

static struct {
  const char *name;
  int count;
} calls[MOST_CALLS];
static allocation blocks[MOST_BLOCKS];
static size_t used, most;
static char image_text[64];
static int streams, modules, graphs, contexts, launches, device, entered, sticky;
static void *kernels;
static launcher *launch_on_cpu;

static const char *setting(const char *name, const char *otherwise) {
  const char *text = getenv(name);
  return text != NULL && *text != '\0' ? text : otherwise;
}

/* Counts a call; the code with which it has to fail. */
static int begin(const char *name) {
  int k = 0;
  while (k < MOST_CALLS - 1 && calls[k].name != NULL && strcmp(calls[k].name, name) != 0) k++;
  calls[k].name = name;
  calls[k].count++;
  const char *fail = setting("FAKE_GPU_FAIL", "");
  const size_t length = strlen(name);
  if (sticky != 0) return sticky;
  if (strncmp(fail, name, length) != 0 || fail[length] != ':') return OK;
  char *end;
  const long when = strtol(fail + length + 1, &end, 10);
  if (when != calls[k].count) return OK;
  const int code = *end == ':' ? atoi(end + 1) : LAUNCH_FAILED;
  /* as in CUDA: the context is lost, and everybody who uses it has to let go of it first */
  if (code == LAUNCH_FAILED && NAME(1, 0)) sticky = code;
  return code;
}
#define BEGIN                                                                                      \
  do {                                                                                             \
    const int failure = begin(__func__);                                                           \
    if (failure != OK) return failure;                                                             \
  } while (0)

__attribute__((destructor)) static void report(void) {
  const char *path = setting("FAKE_GPU_LOG", "");
  FILE *file = *path != '\0' ? fopen(path, "w") : NULL;
  if (file == NULL) return;
  int left = 0;
  for (int k = 0; k < MOST_BLOCKS; k++) left += blocks[k].data != NULL;
  fprintf(file, "left %d\nstreams %d\nmodules %d\ngraphs %d\ncontexts %d\nmost %zu\n", left,
          streams, modules, graphs, contexts, most);
  if (image_text[0] != '\0') fprintf(file, "image %s 1\n", image_text);
  for (int k = 0; k < MOST_CALLS && calls[k].name != NULL; k++)
    fprintf(file, "%s %d\n", calls[k].name, calls[k].count);
  fclose(file);
}

/* Is this a place in memory of the device, with room for `bytes`? */
static int is_ours(const void *at, size_t bytes) {
  for (int k = 0; k < MOST_BLOCKS; k++) {
    const char *data = blocks[k].data;
    if (data != NULL && (const char *)at >= data &&
        (const char *)at + bytes <= data + blocks[k].bytes)
      return 1;
  }
  return 0;
}

static int run(const work *w, unsigned seed) {
  char message[256];
  void *arguments[MOST_ARGUMENTS];
  if (w->kind == COPY) memcpy(w->to, w->from, w->bytes);
  if (w->kind == FILL) memset(w->to, 0, w->bytes);
  if (w->kind != LAUNCH) return OK;
  for (int i = 0; i < w->count; i++) arguments[i] = (void *)(uintptr_t)&w->values[i];
  const int failed =
      launch_on_cpu(w->body, w->grid, w->block, arguments, seed, message, sizeof message);
  return failed ? LAUNCH_FAILED : OK;
}

static int drain(stream *s) {
  int code = sticky; /* in a lost context nothing runs */
  while (s->first != NULL) {
    work *next = s->first->next;
    if (code == OK) code = run(s->first, (unsigned)++launches);
    free(s->first);
    s->first = next;
  }
  s->last = NULL;
  return code;
}

static int push(stream *s, const work *made) {
  work *w = malloc(sizeof *w);
  if (s == NULL || w == NULL) {
    free(w);
    return INVALID_VALUE;
  }
  *w = *made;
  w->next = NULL;
  if (s->last != NULL) s->last->next = w;
  else s->first = w;
  s->last = w;
  return OK;
}

#define EXPORT __attribute__((visibility("default"))) int

EXPORT NAME(cuInit, hipInit)(unsigned flags) {
  BEGIN;
  return flags == 0 ? OK : INVALID_VALUE;
}

EXPORT NAME(cuDeviceGetCount, hipGetDeviceCount)(int *count) {
  BEGIN;
  *count = atoi(setting("FAKE_GPU_DEVICES", "2"));
  return *count > 0 ? OK : NAME(OK, NO_DEVICE);
}

EXPORT NAME(cuDeviceGet, hipDeviceGet)(int *number, int index) {
  BEGIN;
  *number = 10 + index; /* not the index */
  return index < atoi(setting("FAKE_GPU_DEVICES", "2")) ? OK : INVALID_DEVICE;
}

EXPORT NAME(cuDeviceGetName, hipDeviceGetName)(char *name, int size, int number) {
  BEGIN;
  snprintf(name, (size_t)size, "Fake %s %d", NAME("CUDA", "HIP"), number - 10);
  return OK;
}

EXPORT NAME(cuDeviceTotalMem_v2, hipDeviceTotalMem)(size_t *bytes, int number) {
  BEGIN;
  *bytes = strtoull(setting("FAKE_GPU_MEMORY", "1000000000"), NULL, 10);
  return number >= 10 ? OK : INVALID_DEVICE;
}

EXPORT NAME(cuDeviceGetAttribute, hipDeviceGetAttribute)(int *value, int which, int number) {
  BEGIN;
  const int arch = atoi(setting("FAKE_GPU_ARCH", "80"));
  if (which == NAME(10, 87)) *value = NAME(32, 64);
  else if (which == NAME(16, 63)) *value = 4;
  else if (which == NAME(97, 74)) *value = 65536;
  else if (which == NAME(75, -1)) *value = arch / 10;
  else if (which == NAME(76, -2)) *value = arch % 10;
  else return INVALID_VALUE;
  return number >= 10 ? OK : INVALID_DEVICE;
}

#ifdef FAKE_CUDA
EXPORT cuDevicePrimaryCtxRetain(void **context, int number) {
  BEGIN;
  device = number - 10;
  contexts++;
  *context = &device;
  return OK;
}
EXPORT cuDevicePrimaryCtxRelease_v2(int number) {
  begin(__func__);
  contexts--;
  if (contexts == 0) sticky = OK; /* with its last user a lost context goes */
  return number >= 10 ? OK : INVALID_DEVICE;
}
EXPORT cuCtxSetCurrent(void *context) {
  BEGIN;
  entered = context == &device;
  return entered ? OK : INVALID_CONTEXT;
}
EXPORT cuGetErrorName(int code, const char **name) {
  *name = code == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
                                  : "CUDA_ERROR_OTHER";
  return OK;
}
EXPORT cuFuncSetAttribute(void *function, int which, int value) {
  BEGIN;
  return function != NULL && which == 8 && value > 0 ? OK : INVALID_VALUE;
}
#else
EXPORT hipSetDevice(int index) {
  BEGIN;
  device = index;
  entered = 1;
  return OK;
}
EXPORT hipGetDeviceProperties(void *facts, int index) {
  BEGIN;
  /* somewhere in the struct, as in the real one */
  snprintf((char *)facts + 1160, 64, "%s:sramecc+:xnack-", setting("FAKE_GPU_ARCH", DEFAULT_ARCH));
  return index >= 0 ? OK : INVALID_DEVICE;
}
#endif

static const char *words(int code) {
  return code == OUT_OF_MEMORY    ? "out of memory"
         : code == LAUNCH_FAILED  ? "unspecified launch failure"
         : code == INVALID_IMAGE  ? "device kernel image is invalid"
         : code == INVALID_DEVICE ? "invalid device ordinal"
         : code == NOT_FOUND      ? "named symbol not found"
                                  : "some other error of the fake driver";
}
#ifdef FAKE_CUDA
EXPORT cuGetErrorString(int code, const char **text) {
  *text = words(code);
  return OK;
}
#else
__attribute__((visibility("default"))) const char *hipGetErrorString(int code) {
  return words(code);
}
#endif

EXPORT NAME(cuMemGetInfo_v2, hipMemGetInfo)(size_t *left, size_t *total) {
  BEGIN;
  *total = strtoull(setting("FAKE_GPU_MEMORY", "1000000000"), NULL, 10);
  *left = *total > used ? *total - used : 0;
  return entered ? OK : INVALID_CONTEXT;
}

EXPORT NAME(cuMemAlloc_v2, hipMalloc)(void **made, size_t bytes) {
  BEGIN;
  int k = 0;
  while (k < MOST_BLOCKS && blocks[k].data != NULL) k++;
  if (!entered) return INVALID_CONTEXT;
  if (bytes == 0) return INVALID_VALUE;
  if (k == MOST_BLOCKS ||
      used + bytes > strtoull(setting("FAKE_GPU_MEMORY", "1000000000"), NULL, 10))
    return OUT_OF_MEMORY;
  blocks[k] = (allocation){malloc(bytes), bytes};
  if (blocks[k].data == NULL) return OUT_OF_MEMORY;
  memset(blocks[k].data, 0xff, bytes); /* NaN: nobody may count on zeros */
  used += bytes;
  if (used > most) most = used;
  *made = blocks[k].data;
  return OK;
}

EXPORT NAME(cuMemFree_v2, hipFree)(void *memory) {
  begin(__func__); /* even in a lost context */
  for (int k = 0; k < MOST_BLOCKS; k++)
    if (memory != NULL && blocks[k].data == memory) {
      used -= blocks[k].bytes;
      free(memory);
      blocks[k] = (allocation){0};
      return OK;
    }
  return INVALID_VALUE;
}

static int copy(void *to, const void *from, size_t bytes, stream *s) {
  return push(s, &(work){.kind = COPY, .to = to, .from = from, .bytes = bytes});
}

EXPORT NAME(cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync)(void *to, const void *from, size_t bytes,
                                                      stream *s) {
  BEGIN;
  return is_ours(to, bytes) && !s->capturing ? copy(to, from, bytes, s) : INVALID_VALUE;
}

EXPORT NAME(cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync)(void *to, const void *from, size_t bytes,
                                                      stream *s) {
  BEGIN;
  return is_ours(from, bytes) && !s->capturing ? copy(to, from, bytes, s) : INVALID_VALUE;
}

EXPORT NAME(cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync)(void *to, const void *from, size_t bytes,
                                                      stream *s) {
  BEGIN;
  return is_ours(to, bytes) && is_ours(from, bytes) ? copy(to, from, bytes, s) : INVALID_VALUE;
}

EXPORT NAME(cuMemsetD8Async, hipMemsetD8Async)(void *to, unsigned char value, size_t bytes,
                                               stream *s) {
  BEGIN;
  if (!is_ours(to, bytes) || value != 0) return INVALID_VALUE;
  return push(s, &(work){.kind = FILL, .to = to, .bytes = bytes});
}

static int load(void **module, const void *image) {
  if (memcmp(image, "\177ELF", 4) != 0 && memcmp(image, "//", 2) != 0) return INVALID_IMAGE;
  sscanf((const char *)image + 4, " fake %63s", image_text);
  kernels = dlopen(setting("FAKE_GPU_KERNELS", ""), RTLD_NOW | RTLD_LOCAL);
  if (kernels == NULL) {
    fprintf(stderr, "fake driver: %s\n", dlerror());
    return NO_BINARY;
  }
  *(void **)&launch_on_cpu = dlsym(kernels, "dpc_shim_launch");
  modules++;
  *module = kernels;
  return launch_on_cpu != NULL ? OK : NO_BINARY;
}

#ifdef FAKE_CUDA
EXPORT cuModuleLoadDataEx(void **module, const void *image, unsigned n, int *which, void **values) {
  BEGIN;
  (void)n, (void)which, (void)values;
  return load(module, image);
}
#else
EXPORT hipModuleLoadData(void **module, const void *image) {
  BEGIN;
  return load(module, image);
}
#endif

EXPORT NAME(cuModuleUnload, hipModuleUnload)(void *module) {
  begin(__func__); /* even in a lost context */
  modules--;       /* the library stays: its fibres may hold stacks */
  return module != NULL ? OK : INVALID_VALUE;
}

EXPORT NAME(cuModuleGetFunction, hipModuleGetFunction)(void **function, void *module,
                                                       const char *name) {
  BEGIN;
  char symbol[256];
  snprintf(symbol, sizeof symbol, "dpc_call_%s", name);
  *function = dlsym(module, symbol);
  return *function != NULL ? OK : NOT_FOUND;
}

EXPORT NAME(cuLaunchKernel, hipModuleLaunchKernel)(void *function, unsigned gx, unsigned gy,
                                                   unsigned gz, unsigned bx, unsigned by,
                                                   unsigned bz, unsigned shared, stream *s,
                                                   void **arguments, void **extra) {
  BEGIN;
  work w = {.kind = LAUNCH, .grid = {gx, gy, gz}, .block = {bx, by, bz}};
  (void)shared, (void)extra;
  if (function == NULL || gx * gy * gz == 0 || bx * by * bz == 0 || bx * by * bz > 1024)
    return INVALID_VALUE;
  memcpy(&w.body, &function, sizeof w.body);
  /* how many arguments there are only the kernel knows */
  char symbol[256];
  Dl_info info;
  if (!dladdr(function, &info) || info.dli_sname == NULL) return INVALID_VALUE;
  snprintf(symbol, sizeof symbol, "dpc_sizes_%s", info.dli_sname + strlen("dpc_call_"));
  const int *(*sizes_of)(void);
  *(void **)&sizes_of = dlsym(kernels, symbol);
  if (sizes_of == NULL) return INVALID_VALUE;
  const int *sizes = sizes_of();
  for (; sizes[w.count] > 0; w.count++)
    memcpy(&w.values[w.count], arguments[w.count], (size_t)sizes[w.count]);
  return push(s, &w);
}

EXPORT NAME(cuStreamCreate, hipStreamCreateWithFlags)(stream **made, unsigned flags) {
  BEGIN;
  *made = calloc(1, sizeof **made);
  streams++;
  return flags == 1 ? OK : INVALID_VALUE;
}

EXPORT NAME(cuStreamDestroy_v2, hipStreamDestroy)(stream *s) {
  begin(__func__); /* even in a lost context */
  drain(s);
  free(s);
  streams--;
  return OK;
}

EXPORT NAME(cuStreamSynchronize, hipStreamSynchronize)(stream *s) {
  BEGIN;
  return s->capturing ? CAPTURE_INVALID : drain(s);
}

/* A graph is the work that was queued; a second stream keeps it. */
EXPORT NAME(cuStreamBeginCapture_v2, hipStreamBeginCapture)(stream *s, int mode) {
  BEGIN;
  const int code = drain(s);
  s->capturing = 1;
  return mode == 1 ? code : NOT_SUPPORTED;
}

EXPORT NAME(cuStreamEndCapture, hipStreamEndCapture)(stream *s, stream **graph) {
  BEGIN;
  if (!s->capturing) return CAPTURE_INVALID;
  *graph = calloc(1, sizeof **graph);
  (*graph)->first = s->first;
  (*graph)->last = s->last;
  *s = (stream){0};
  graphs++;
  return OK;
}

EXPORT NAME(cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags)(stream **made,
                                                                       const stream *graph,
                                                                       unsigned long long flags) {
  BEGIN;
  *made = calloc(1, sizeof **made);
  for (const work *w = graph->first; w != NULL; w = w->next) push(*made, w);
  graphs++;
  return flags == 0 ? OK : INVALID_VALUE;
}

EXPORT NAME(cuGraphLaunch, hipGraphLaunch)(const stream *graph, stream *s) {
  BEGIN;
  for (const work *w = graph->first; w != NULL; w = w->next) push(s, w);
  return OK;
}

static int destroy(stream *graph) {
  while (graph->first != NULL) {
    work *next = graph->first->next;
    free(graph->first);
    graph->first = next;
  }
  free(graph);
  graphs--;
  return OK;
}

EXPORT NAME(cuGraphExecDestroy, hipGraphExecDestroy)(stream *graph) {
  begin(__func__); /* even in a lost context */
  return destroy(graph);
}

EXPORT NAME(cuGraphDestroy, hipGraphDestroy)(stream *graph) {
  begin(__func__); /* even in a lost context */
  return destroy(graph);
}
