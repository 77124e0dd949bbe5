/* Addresses of the registers. Written by dpc.backends.fpga.registers. */
#ifndef DPC_FPGA_REGS_H
#define DPC_FPGA_REGS_H

/* reads 0x31435044, 'DPC1' */
#define DPC_REG_ID 0x00u
/* of the parameters that the circuit was built from */
#define DPC_REG_HASH_LOW 0x04u
/* the other half */
#define DPC_REG_HASH_HIGH 0x08u
/* bit 0 idle, 1 an unknown command came, 2 reading, 3 writing, 4 bus error */
#define DPC_REG_STATUS 0x0cu
/* write bit 0: start, 1: clear counters, 2: reset the core */
#define DPC_REG_CONTROL 0x10u
/* address of the commands in the card's memory, a multiple of 4096 */
#define DPC_REG_SOURCE_LOW 0x18u
/* the other half */
#define DPC_REG_SOURCE_HIGH 0x1cu
/* commands, in words of 16 bytes */
#define DPC_REG_SOURCE_WORDS 0x20u
/* address for the results, a multiple of 4096 */
#define DPC_REG_RESULT_LOW 0x28u
/* the other half */
#define DPC_REG_RESULT_HIGH 0x2cu
/* results that will come, in words of 16 bytes */
#define DPC_REG_RESULT_WORDS 0x30u
/* jobs that ended: all commands read, all results written */
#define DPC_REG_DONE 0x34u
/* 32 counters of the core, one after the other */
#define DPC_REG_COUNTERS 0x80u

#define DPC_FPGA_COUNTERS 26

#endif
