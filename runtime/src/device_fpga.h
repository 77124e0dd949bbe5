/* device_fpga.h: a package for an FPGA on a card, or on its circuit in software. */
#ifndef DPC_DEVICE_FPGA_H
#define DPC_DEVICE_FPGA_H

#include <pthread.h>

#include "fpga.h"
#include "session.h"

/* Of a model whose steps a card computes. One card, one lock: sessions take turns. */
struct dpc_fpga_model {
  dpc_fpga *card;
  pthread_mutex_t lock;
  dpc_fpga_circuit circuit;
  dpc_file contents;
  double *bias;    /* eV, of each type */
  size_t *of_type; /* scratch */
  double *most;    /* sel: neighbours of each type that the model was trained with */
  int64_t u_min, u_cut;
  int32_t u_frac;
  const dpc_session *owner; /* whose list the card has, */
  int64_t generation;       /* and which */
};

/* Chooses by the options and opens; `model->fpga` stays NULL where the host computes. `target`
 * gets what runs the package, for people. */
dpc_status dpc_fpga_model_open(dpc_model *model, const char *folder, const dpc_options *options,
                               char *target, size_t size, dpc_error *error);
void dpc_fpga_model_close(dpc_model *model);

/* The card no longer has this session's list. */
void dpc_fpga_forget(dpc_model *model, const dpc_session *session);

/* What dpc_run does, on the card. */
dpc_status dpc_fpga_run(dpc_session *session, const dpc_system *system, dpc_error *error);

/* device_fpga_near.c: what the circuit does not count, from the list of `frame`. */

/* Neighbours beyond `most` of their type; `of_type` is room for one number more than types. */
int64_t dpc_fpga_count_sel(const dpc_fpga_model *model, const dpc_fpga_frame *frame,
                           const int32_t *records, size_t *of_type);

/* Neighbours nearer than the tables reach; `pair` gets two atoms at one place, else -1. */
int64_t dpc_fpga_count_near(const dpc_fpga_model *model, const dpc_fpga_frame *frame,
                            int32_t *pair);

/* device_fpga_choice.c: the transport that a name of a device means, and its `where` (in `where`,
 * with `size` bytes). NULL and DPC_OK: the host. */
dpc_status dpc_fpga_choose(const dpc_model *model, const char *folder, const dpc_options *options,
                           const char *name, const dpc_fpga_transport **transport, char *where,
                           size_t size, dpc_error *error);

/* Whether a card of xdma is in the machine. */
bool dpc_fpga_is_there(const char *where);

#endif
