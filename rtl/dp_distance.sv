// r = xj - xi and u = |r|^2 of one neighbour, in three registers. What does not fit is far away.
module dp_distance
  import dp_types_pkg::*;
#(
  parameter int unsigned Shift = 20,
  parameter int unsigned UW = 30
) (
  input  logic                   clk_i,
  input  logic                   en_i,
  input  logic [2:0][CoordW-1:0] center_i,
  input  logic [2:0][CoordW-1:0] neighbor_i,
  output logic [2:0][RW-1:0]     r_o,
  output logic [UW-1:0]          u_o
);
  localparam int unsigned SquareW = 2 * RW;

  logic [2:0][RW-1:0] r, r_q, r2_q, r3_q;
  logic [2:0] unused_far;
  logic [2:0][SquareW-1:0] square_q;
  logic signed [SquareW+1:0] sum;
  logic signed [UW:0] u;
  logic unused_sat, unused_sign;
  logic [UW-1:0] u_q;

  for (genvar c = 0; c < 3; c++) begin : gen_axis
    logic signed [CoordW:0] difference;
    logic signed [RW-1:0] whole;

    assign difference = (CoordW + 1)'($signed(neighbor_i[c])) - (CoordW + 1)'($signed(center_i[c]));
    assign whole = $signed(r_q[c]);
    dp_round #(.InW(CoordW + 1), .Shift(0), .OutW(RW)) u_fit (
      .x_i(difference), .y_o(r[c]), .sat_o(unused_far[c])
    );
    always_ff @(posedge clk_i) if (en_i) square_q[c] <= whole * whole;
  end

  // u is unsigned and saturates: one bit more, of which the sign is never set
  assign sum = (SquareW + 2)'(square_q[0]) + (SquareW + 2)'(square_q[1])
    + (SquareW + 2)'(square_q[2]);
  dp_round #(.InW(SquareW + 2), .Shift(Shift), .OutW(UW + 1)) u_u (
    .x_i(sum), .y_o(u), .sat_o(unused_sat)
  );

  assign unused_sign = u[UW];

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      r_q <= r;
      r2_q <= r_q;
      r3_q <= r2_q;
      u_q <= u[UW-1:0];
    end
  end
  assign r_o = r3_q;
  assign u_o = u_q;
endmodule
