/* fpga_commands.h: headers of the command stream, as rtl/dp_command.sv reads them. */
#ifndef DPC_FPGA_COMMANDS_H
#define DPC_FPGA_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

enum {
  DPC_FPGA_LOAD = 1,
  DPC_FPGA_COORD = 2,
  DPC_FPGA_LIST = 3,
  DPC_FPGA_RUN = 4,
  DPC_FPGA_READ = 5,
  DPC_FPGA_READ_VIRIAL = 1 << 8 /* and the status, after the atoms: five words */
};
enum { DPC_FPGA_VIRIAL_WORDS = 5 };

/* Writes a header; where the next word goes. */
static inline uint64_t *dpc_fpga_header(uint64_t *to, uint64_t command, size_t count) {
  to[0] = command | (uint64_t)count << 32;
  to[1] = 0;
  return to + 2;
}

#endif
