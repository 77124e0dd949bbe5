// Two products w1 x and w0 x by one DSP slice each, of N words x: one register.
//
// The slice multiplies w1 2^19 + w0, 27 bits, with x. |w| <= 127 and |x| <= 2^11 keep w0 x within the
// lower 19 bits; what is above them is w1 x, less one where w0 x is negative.
module dp_mul_pair
  import dp_types_pkg::*;
#(
  parameter int unsigned N = 8
) (
  input  logic                            clk_i,
  input  logic                            en_i,
  input  logic [N-1:0][PackedW-1:0]       w0_i,
  input  logic [N-1:0][PackedW-1:0]       w1_i,
  input  logic [N-1:0][PackedDataW-1:0]   x_i,
  output logic [N-1:0][PackedShift-1:0]   y0_o,
  output logic [N-1:0][PackedShift-1:0]   y1_o
);
  localparam int unsigned PairW = PackedShift + PackedW;
  localparam int unsigned ProductW = PairW + PackedDataW;

  for (genvar i = 0; i < int'(N); i++) begin : gen_word
    logic [PackedW-1:0] above;
    logic signed [PairW-1:0] pair;
    logic signed [ProductW-1:0] product_q;
    logic unused_sign;

    assign above = w1_i[i] - PackedW'(w0_i[i][PackedW-1]);
    assign pair = {above, {(PackedShift - PackedW) {w0_i[i][PackedW-1]}}, w0_i[i]};
    always_ff @(posedge clk_i) begin
      if (en_i) product_q <= ProductW'(pair) * ProductW'($signed(x_i[i]));
    end
    assign y0_o[i] = product_q[PackedShift-1:0];
    assign y1_o[i] = product_q[2*PackedShift-1:PackedShift] + PackedShift'(product_q[PackedShift-1]);
    assign unused_sign = product_q[ProductW-1];
  end
endmodule
