// A memory that the model is loaded into. Words of more than 36 bits take two banks, low bits first.
module dp_cfg_ram #(
  parameter int unsigned Width = 36,
  parameter int unsigned Rows = 16,
  parameter int unsigned Block = 0,
  parameter int unsigned Bank = 0,
  parameter string Style = "distributed",
  localparam int unsigned RowW = Rows > 1 ? $clog2(Rows) : 1
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  dp_types_pkg::cfg_t cfg_i,
  input  logic               re_i,
  input  logic [RowW-1:0]    row_i,
  output logic [Width-1:0]   data_o
);
  for (genvar low = 0; low < int'(Width); low += 36) begin : gen_bank
    localparam int unsigned Here = int'(Width) - low > 36 ? 36 : int'(Width) - low;
    logic we;
    logic [RowW-1:0] row;
    logic [Here-1:0] data;

    dp_cfg_port #(.Block(Block), .FirstBank(Bank + low / 36), .Rows(Rows), .Width(Here)) u_cfg (
      .clk_i, .rst_ni, .cfg_i, .we_o(we), .row_o(row), .data_o(data)
    );
    dp_ram #(.Width(Here), .Depth(Rows), .Style(Style)) u_ram (
      .clk_i, .we_i(we), .waddr_i(row), .wdata_i(data),
      .re_i, .raddr_i(row_i), .rdata_o(data_o[low+:Here])
    );
  end
endmodule
