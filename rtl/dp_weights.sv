// The weights of a layer: a row holds all that a cycle needs, forward and backward read at once.
//
// A bank holds as many weights as 36 bits do, the first lowest: two of 18 bits, four of 8.
module dp_weights
  import dp_types_pkg::*;
#(
  parameter int unsigned Count = 16,  // weights in a row
  parameter int unsigned Bits = 18,   // of a weight
  parameter int unsigned Rows = 8,
  parameter int unsigned Block = 0,
  parameter string Style = "block",
  localparam int unsigned AddrW = index_bits(Rows)
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  cfg_t                       cfg_i,
  input  logic                       a_re_i,
  input  logic [AddrW-1:0]           a_row_i,
  output logic [Count-1:0][Bits-1:0] a_o,
  input  logic                       b_re_i,
  input  logic [AddrW-1:0]           b_row_i,
  output logic [Count-1:0][Bits-1:0] b_o
);
  localparam int unsigned Each = 36 / Bits;
  localparam int unsigned Banks = (Count + Each - 1) / Each;
  localparam int unsigned BankW = Each * Bits;

  logic [Banks-1:0] we;
  logic [AddrW-1:0] row;
  logic [BankW-1:0] data;

  dp_cfg_port #(.Block(Block), .Banks(Banks), .Rows(Rows), .Width(BankW)) u_cfg (
    .clk_i, .rst_ni, .cfg_i, .we_o(we), .row_o(row), .data_o(data)
  );

  for (genvar i = 0; i < int'(Banks); i++) begin : gen_bank
    localparam int unsigned Here = Each * (i + 1) < int'(Count) ? Each : Count - Each * i;
    dp_ram_2r #(.Width(Here * Bits), .Depth(Rows), .Style(Style)) u_bank (
      .clk_i,
      .we_i(we[i]), .waddr_i(row), .wdata_i(data[Here*Bits-1:0]),
      .a_re_i, .a_addr_i(a_row_i), .a_data_o(a_o[Each*i+:Here]),
      .b_re_i, .b_addr_i(b_row_i), .b_data_o(b_o[Each*i+:Here])
    );
  end
endmodule
