// A cubic and its exact derivative by Horner's rule: four products, six registers.
//
//   p2 = c2 + c3 dx,  p1 = c1 + p2 dx,  value = c0 + p1 dx
//   slope = p1 + (2 p2 - c2) dx
//
// Shift1..3 align the product with the coefficient of that degree.
module dp_cubic_step #(
  parameter int unsigned CoefW = 27,
  parameter int unsigned FracW = 16,
  parameter int unsigned Shift3 = 16,
  parameter int unsigned Shift2 = 16,
  parameter int unsigned Shift1 = 16
) (
  input  logic                    clk_i,
  input  logic                    en_i,
  input  logic signed [CoefW-1:0] c3_i,
  input  logic signed [CoefW-1:0] c2_i,
  input  logic signed [CoefW-1:0] c1_i,
  input  logic signed [CoefW-1:0] c0_i,
  input  logic        [FracW-1:0] dx_i,
  output logic signed [CoefW-1:0] value_o,
  output logic signed [CoefW-1:0] slope_o
);
  localparam int unsigned DxW = FracW + 1;

  logic signed [DxW-1:0] dx_q[4];
  logic signed [CoefW-1:0] c2_q[2], c1_q[3], c0_q[5];
  logic signed [CoefW-1:0] p2, p1, q_q, slope, slope_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      dx_q[0] <= $signed({1'b0, dx_i});
      c2_q[0] <= c2_i;
      c1_q[0] <= c1_i;
      c0_q[0] <= c0_i;
      for (int i = 1; i < 4; i++) dx_q[i] <= dx_q[i-1];
      for (int i = 1; i < 2; i++) c2_q[i] <= c2_q[i-1];
      for (int i = 1; i < 3; i++) c1_q[i] <= c1_q[i-1];
      for (int i = 1; i < 5; i++) c0_q[i] <= c0_q[i-1];
      q_q <= (p2 <<< 1) - c2_q[1];
      slope_q <= slope;
    end
  end
  assign slope_o = slope_q;

  dp_mul_add #(.AW(CoefW), .BW(DxW), .Shift(Shift3), .OutW(CoefW)) u_p2 (
    .clk_i, .en_i, .a_i(c3_i), .b_i($signed({1'b0, dx_i})), .c_i(c2_q[0]), .y_o(p2)
  );
  dp_mul_add #(.AW(CoefW), .BW(DxW), .Shift(Shift2), .OutW(CoefW)) u_p1 (
    .clk_i, .en_i, .a_i(p2), .b_i(dx_q[1]), .c_i(c1_q[2]), .y_o(p1)
  );
  dp_mul_add #(.AW(CoefW), .BW(DxW), .Shift(Shift2), .OutW(CoefW)) u_slope (
    .clk_i, .en_i, .a_i(q_q), .b_i(dx_q[2]), .c_i(p1), .y_o(slope)
  );
  dp_mul_add #(.AW(CoefW), .BW(DxW), .Shift(Shift1), .OutW(CoefW)) u_value (
    .clk_i, .en_i, .a_i(p1), .b_i(dx_q[3]), .c_i(c0_q[4]), .y_o(value_o)
  );
endmodule
