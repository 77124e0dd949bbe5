// y = c + round(a*b >> Shift): one DSP slice, two registers. c is taken with the second.
module dp_mul_add #(
  parameter int unsigned AW = 27,
  parameter int unsigned BW = 18,
  parameter int unsigned Shift = 17,
  parameter int unsigned OutW = 27
) (
  input  logic                   clk_i,
  input  logic                   en_i,
  input  logic signed [AW-1:0]   a_i,
  input  logic signed [BW-1:0]   b_i,
  input  logic signed [OutW-1:0] c_i,
  output logic signed [OutW-1:0] y_o
);
  localparam int unsigned ProductW = AW + BW;

  logic signed [ProductW-1:0] product_q;
  logic signed [OutW-1:0] rounded, y_q;
  logic unused_sat;

  // what the compiler loads never leaves OutW bits: it checks every row of every table
  dp_round #(.InW(ProductW), .Shift(Shift), .OutW(OutW)) u_round (
    .x_i(product_q), .y_o(rounded), .sat_o(unused_sat)
  );
  assign y_o = y_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      product_q <= a_i * b_i;
      y_q <= c_i + rounded;
    end
  end
endmodule
