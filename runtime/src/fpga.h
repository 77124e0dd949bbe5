/* fpga.h: a card with a circuit of ours.
 *
 * A transport is how registers and the card's memory are reached: seven calls. The driver above
 * it is the same for a board and for the simulated circuit. Numbers are those of
 * docs/explain/fixed-point.md.
 */
#ifndef DPC_FPGA_H
#define DPC_FPGA_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef struct dpc_fpga_transport {
  const char *name;
  double timeout;  /* seconds that a job may take, on the transport's own clock */
  uint64_t memory; /* of the card, bytes, that jobs may use */
  /* `where`: a device or library; NULL: the usual one. `base`: what the card calls address 0 */
  dpc_status (*open)(const char *where, void **card, uint64_t *base, dpc_error *error);
  void (*close)(void *card);
  dpc_status (*reg_read)(void *card, uint32_t addr, uint32_t *value, dpc_error *error);
  dpc_status (*reg_write)(void *card, uint32_t addr, uint32_t value, dpc_error *error);
  dpc_status (*dma_write)(void *card, uint64_t addr, const void *data, size_t size,
                          dpc_error *error);
  dpc_status (*dma_read)(void *card, uint64_t addr, void *data, size_t size, dpc_error *error);
  /* Lets some time pass, which is added to `waited` (seconds): a poll's pause. */
  dpc_status (*wait)(void *card, double *waited, dpc_error *error);
} dpc_fpga_transport;

extern const dpc_fpga_transport dpc_fpga_sim;  /* libdp_sim.so: the circuit in software */
extern const dpc_fpga_transport dpc_fpga_xdma; /* /dev/xdma0: Xilinx's PCIe driver */
extern const dpc_fpga_transport dpc_fpga_xrt;  /* libxrt_coreutil.so, opened at run time */
extern const dpc_fpga_transport dpc_fpga_null; /* answers at once, with zeros: host cost */

#define DPC_FPGA_COORD_UNIT 0x1p22 /* 1/Å */
/* of a frame's status; bits 0 to 7: what saturated */
enum {
  DPC_FPGA_TOO_NEAR = 1 << 8, /* atoms nearer than the tables reach */
  DPC_FPGA_CROWDED = 1 << 9   /* an error: an atom with more neighbours than the circuit holds */
};

/* `wait` of transports to real cards: short pauses first, longer ones in a long job. */
dpc_status dpc_fpga_pause(void *card, double *waited, dpc_error *error);

typedef struct dpc_fpga_circuit {
  uint64_t hash;         /* what HASH must read */
  int32_t lanes;         /* neighbours in a beat */
  int32_t atoms;         /* on the chip */
  int64_t list_words;    /* on the chip */
  int64_t history_beats; /* of one atom's list: so many wait for their way back */
  int32_t ntypes;
  double timeout; /* seconds that a job may take; 0: as the transport says */
} dpc_fpga_circuit;

typedef struct dpc_fpga dpc_fpga;

/* Opens the card and compares the circuit's hash. */
dpc_status dpc_fpga_open(const dpc_fpga_transport *transport, const char *where,
                         const dpc_fpga_circuit *circuit, dpc_fpga **fpga, dpc_error *error);
void dpc_fpga_close(dpc_fpga *fpga);

/* Resets the card and loads a model: the words of fpga/contents.bin. They must stay: a card that
 * was reset because it hung gets them again before the next frame. */
dpc_status dpc_fpga_load(dpc_fpga *fpga, const uint64_t *words, size_t count, dpc_error *error);

typedef struct dpc_fpga_frame {
  int32_t nall, count;    /* atoms, and those of them that have a list */
  const double *coord;    /* nall * 3, Å */
  const int32_t *type;    /* nall; < 0: skipped */
  const int32_t *centers; /* count indices into coord, of known types */
  const int32_t *numneigh;
  const int32_t *const *neighbors; /* count lists; entries & mask are indices into coord */
  int32_t mask;
  int32_t same_list; /* lists and types are those of the frame before */
  /* results, written; NULL: not wanted */
  double *force;   /* nall * 3, eV/Å */
  double *virial;  /* 9, eV */
  int32_t *energy; /* count, 2^-24 eV, without the bias of the type */
  uint64_t status; /* as above */
} dpc_fpga_frame;

/* x, y, z, type of the atoms of the last frame, 2^-22 Å modulo 2^32. */
const int32_t *dpc_fpga_records(const dpc_fpga *fpga);

dpc_status dpc_fpga_evaluate(dpc_fpga *fpga, dpc_fpga_frame *frame, dpc_error *error);

#endif
