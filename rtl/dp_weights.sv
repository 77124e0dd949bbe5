// The weights of a layer: a row holds all that a cycle needs, forward and backward read at once.
//
// Bank i holds weights 2i (low) and 2i + 1 of each row.
module dp_weights
  import dp_types_pkg::*;
#(
  parameter int unsigned Count = 16,  // weights in a row
  parameter int unsigned Rows = 8,
  parameter int unsigned Block = 0,
  parameter string Style = "block",
  localparam int unsigned AddrW = index_bits(Rows)
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  input  cfg_t                          cfg_i,
  input  logic                          a_re_i,
  input  logic [AddrW-1:0]              a_row_i,
  output logic [Count-1:0][WeightW-1:0] a_o,
  input  logic                          b_re_i,
  input  logic [AddrW-1:0]              b_row_i,
  output logic [Count-1:0][WeightW-1:0] b_o
);
  localparam int unsigned Banks = (Count + 1) / 2;
  localparam int unsigned PairW = 2 * WeightW;

  logic [Banks-1:0] we;
  logic [AddrW-1:0] row;
  logic [PairW-1:0] data;

  dp_cfg_port #(.Block(Block), .Banks(Banks), .Rows(Rows), .Width(PairW)) u_cfg (
    .clk_i, .rst_ni, .cfg_i, .we_o(we), .row_o(row), .data_o(data)
  );

  for (genvar i = 0; i < int'(Banks); i++) begin : gen_bank
    localparam int unsigned Here = (2 * i + 1 < int'(Count) ? 2 : 1) * WeightW;
    dp_ram_2r #(.Width(Here), .Depth(Rows), .Style(Style)) u_pair (
      .clk_i,
      .we_i(we[i]), .waddr_i(row), .wdata_i(data[Here-1:0]),
      .a_re_i, .a_addr_i(a_row_i), .a_data_o(a_o[2*i+:Here/WeightW]),
      .b_re_i, .b_addr_i(b_row_i), .b_data_o(b_o[2*i+:Here/WeightW])
    );
  end
endmodule
