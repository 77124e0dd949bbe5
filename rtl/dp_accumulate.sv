// Sums in a memory: adds a vector to any of them in every cycle, or takes one out and clears it.
//
// Two operations on one sum may follow each other at once: what is not yet in the memory is
// passed by it.
module dp_accumulate #(
  parameter int unsigned Words = 3,
  parameter int unsigned Width = 40,
  parameter int unsigned Depth = 512,
  parameter string Style = "block",
  localparam int unsigned AddrW = dp_types_pkg::index_bits(Depth)
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        valid_i,
  input  logic                        take_i,   // take out instead of adding
  input  logic [AddrW-1:0]            addr_i,
  input  logic [Words-1:0][Width-1:0] x_i,
  output logic                        valid_o,  // two cycles after take_i
  output logic [Words-1:0][Width-1:0] x_o
);
  logic [3:1] valid_q;
  logic take1_q, take2_q;
  logic [AddrW-1:0] addr_q[1:3];
  logic [Words-1:0][Width-1:0] x1_q, new1, new2_q, new3_q, stored, old, old2_q;

  dp_ram #(.Width(Words * Width), .Depth(Depth), .Style(Style)) u_sums (
    .clk_i, .we_i(valid_q[2]), .waddr_i(addr_q[2]), .wdata_i(new2_q),
    .re_i(1'b1), .raddr_i(addr_i), .rdata_o(stored)
  );

  always_comb begin
    old = stored;
    if (valid_q[3] && addr_q[3] == addr_q[1]) old = new3_q;
    if (valid_q[2] && addr_q[2] == addr_q[1]) old = new2_q;
    for (int w = 0; w < int'(Words); w++) new1[w] = take1_q ? '0 : old[w] + x1_q[w];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      take2_q <= 1'b0;
    end else begin
      valid_q <= {valid_q[2:1], valid_i};
      take2_q <= valid_q[1] && take1_q;
    end
    take1_q <= take_i;
    addr_q[1] <= addr_i;
    addr_q[2] <= addr_q[1];
    addr_q[3] <= addr_q[2];
    x1_q <= x_i;
    new2_q <= new1;
    new3_q <= new2_q;
    old2_q <= old;
  end
  assign valid_o = take2_q;
  assign x_o = old2_q;
endmodule
