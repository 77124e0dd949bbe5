// Addresses of the registers. Written by dpc.backends.fpga.registers.
package dp_regs_pkg;
  localparam logic [7:0] RegId = 8'h00;  // reads 0x31435044, 'DPC1'
  localparam logic [7:0] RegHashLow = 8'h04;  // of the parameters that the circuit was built from
  localparam logic [7:0] RegHashHigh = 8'h08;  // the other half
  localparam logic [7:0] RegStatus = 8'h0c;  // bit 0 idle, 1 an unknown command came, 2 reading, 3 writing, 4 bus error
  localparam logic [7:0] RegControl = 8'h10;  // write bit 0: start, 1: clear counters, 2: reset the core
  localparam logic [7:0] RegSourceLow = 8'h18;  // address of the commands in the card's memory, a multiple of 4096
  localparam logic [7:0] RegSourceHigh = 8'h1c;  // the other half
  localparam logic [7:0] RegSourceWords = 8'h20;  // commands, in words of 16 bytes
  localparam logic [7:0] RegResultLow = 8'h28;  // address for the results, a multiple of 4096
  localparam logic [7:0] RegResultHigh = 8'h2c;  // the other half
  localparam logic [7:0] RegResultWords = 8'h30;  // results that will come, in words of 16 bytes
  localparam logic [7:0] RegDone = 8'h34;  // jobs that ended: all commands read, all results written
  localparam logic [7:0] RegCounters = 8'h80;  // 32 counters of the core, one after the other
endpackage
