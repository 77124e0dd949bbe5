// Shifts and limits of the loaded model: one memory word each, all visible at once.
module dp_registers
  import dp_types_pkg::*;
#(
  parameter int unsigned Count = 64,
  parameter int unsigned Width = 32,
  parameter int unsigned Block = 0
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  cfg_t                         cfg_i,
  output logic [Count-1:0][Width-1:0]  value_o
);
  logic we;
  logic [$clog2(Count)-1:0] row;
  logic [Width-1:0] data;
  logic [Count-1:0][Width-1:0] value_q;

  dp_cfg_port #(.Block(Block), .Rows(Count), .Width(Width)) u_cfg (
    .clk_i, .rst_ni, .cfg_i, .we_o(we), .row_o(row), .data_o(data)
  );
  always_ff @(posedge clk_i) if (we) value_q[row] <= data;
  assign value_o = value_q;
endmodule
