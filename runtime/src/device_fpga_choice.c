/* "host", "sim", "sim:FILE", "xdma", "xdma:1", "xrt:0:FILE", "null" to a transport and a place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_fpga.h"

enum { MOST_CARDS = 16 };
static const char SIMULATOR[] = "bin/libdp_sim.so", BITSTREAM[] = "fpga/dpc.xclbin";

static dpc_status too_long(const char *name, dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_ARGUMENT, "device '%.100s...': the path is too long", name);
}

static dpc_status unknown(const char *name, dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_ARGUMENT,
                  "device '%.100s': a package for an FPGA runs on host (its C model), sim (the "
                  "circuit in software), xdma:N (a card at /dev/xdmaN_*), xrt:N:FILE (a card and "
                  "its bitstream) or null (nothing: the host's own time)",
                  name);
}

/* A number of a card; -1 where the text is none. */
static int32_t read_number(const char *text, size_t length) {
  int32_t number = 0;
  if (length == 0 || length > 3) return -1;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = 10 * number + (text[i] - '0');
  }
  return number;
}

/* The card of this process: the one that was asked for, else those of the machine in turn. */
static int32_t card_of(int32_t asked, int32_t cards) {
  const int32_t rank = dpc_local_rank();
  if (asked >= 0) return asked;
  return rank >= 0 && cards > 0 ? rank % cards : 0;
}

static int32_t count_xdma(void) {
  char path[64];
  for (int32_t n = 0; n < MOST_CARDS; n++) {
    snprintf(path, sizeof path, "/dev/xdma%d_user", (int)n);
    if (access(path, F_OK) != 0) return n;
  }
  return MOST_CARDS;
}

bool dpc_fpga_is_there(const char *where) {
  char path[512];
  return (size_t)snprintf(path, sizeof path, "%s_user", where) < sizeof path &&
         access(path, F_OK) == 0;
}

/* A file that the manifest names, and that has been checked with it. */
static bool of_package(const dpc_model *model, const char *folder, const char *file, char *where,
                       size_t size) {
  if (dpc_manifest_find(&model->manifest, file) == NULL) return false;
  return (size_t)snprintf(where, size, "%s%s/%s", folder[0] == '/' ? "" : "./", folder, file) <
         size;
}

static dpc_status find_sim(const dpc_model *model, const char *folder, const char *given,
                           char *where, size_t size, dpc_error *error) {
  const char *path = given != NULL ? given : getenv("DPC_FPGA_SIM");
  if (path == NULL || *path == '\0') {
    if (of_package(model, folder, SIMULATOR, where, size)) return DPC_OK;
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "%.200s: holds no simulated circuit. Put it in, which takes a minute:\n"
                    "    dpc simulate %.200s --add\n"
                    "or let DPC_FPGA_SIM name a libdp_sim.so",
                    model->name, folder);
  }
  return (size_t)snprintf(where, size, "%s", path) < size ? DPC_OK : too_long(path, error);
}

static dpc_status find_xdma(const char *given, int32_t index, char *where, size_t size,
                            dpc_error *error) {
  const int32_t number = given != NULL ? read_number(given, strlen(given)) : -1;
  if (given != NULL && strchr(given, '/') != NULL)
    return (size_t)snprintf(where, size, "%s", given) < size ? DPC_OK : too_long(given, error);
  if (given != NULL && number < 0)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "device 'xdma:%.100s': expected the number of a card, as in xdma:0, or what "
                    "its devices begin with, as in xdma:/dev/xdma0",
                    given);
  snprintf(where, size, "/dev/xdma%d",
           (int)(given != NULL ? number : card_of(index, count_xdma())));
  return DPC_OK;
}

/* "0:circuit.xclbin"; the bitstream may be the package's own, or that of DPC_FPGA_XCLBIN. */
static dpc_status find_xrt(const dpc_model *model, const char *folder, const char *given,
                           int32_t index, char *where, size_t size, dpc_error *error) {
  const char *text = given != NULL ? given : "", *file = strchr(text, ':');
  const size_t digits = strcspn(text, ":");
  int32_t number = card_of(index, INT32_MAX); /* how many there are, XRT knows */
  if (digits > 0) number = read_number(text, digits);
  if (number < 0)
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "device 'xrt:%.100s': expected the number of a card and its bitstream, as in "
                    "xrt:0:dpc.xclbin",
                    text);
  file = file != NULL ? file + 1 : getenv("DPC_FPGA_XCLBIN");
  char own[512];
  if (file == NULL || *file == '\0') {
    if ((size_t)snprintf(own, sizeof own, "%s/%s", folder, BITSTREAM) >= sizeof own)
      return too_long(folder, error);
    if (access(own, R_OK) != 0)
      return dpc_fail(error, DPC_ERROR_DEVICE,
                      "%.200s: no bitstream for xrt. Make %s with fpga/vitis.sh, or say which: "
                      "device xrt:%d:FILE, or DPC_FPGA_XCLBIN",
                      model->name, BITSTREAM, (int)number);
    file = own;
  }
  return (size_t)snprintf(where, size, "%d:%s", (int)number, file) < size ? DPC_OK
                                                                          : too_long(file, error);
}

dpc_status dpc_fpga_choose(const dpc_model *model, const char *folder, const dpc_options *options,
                           const char *name, const dpc_fpga_transport **transport, char *where,
                           size_t size, dpc_error *error) {
  static const dpc_fpga_transport *const known[] = {&dpc_fpga_sim, &dpc_fpga_xdma, &dpc_fpga_xrt,
                                                    &dpc_fpga_null};
  const size_t length = strcspn(name, ":");
  const char *rest = name[length] == ':' ? name + length + 1 : NULL;
  *transport = NULL;
  where[0] = '\0';
  if (strcmp(name, "host") == 0) return DPC_OK;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i]->name) == length && strncmp(known[i]->name, name, length) == 0)
      *transport = known[i];
  if (*transport == &dpc_fpga_sim) return find_sim(model, folder, rest, where, size, error);
  if (*transport == &dpc_fpga_xdma) return find_xdma(rest, options->device, where, size, error);
  if (*transport == &dpc_fpga_xrt)
    return find_xrt(model, folder, rest, options->device, where, size, error);
  return *transport == &dpc_fpga_null && rest == NULL ? DPC_OK : unknown(name, error);
}
