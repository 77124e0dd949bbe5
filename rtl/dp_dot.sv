// sum_i a_i b_i, exact: a register for the products, then those of dp_sum.
module dp_dot #(
  parameter int unsigned N = 8,
  parameter int unsigned AW = 27,
  parameter int unsigned BW = 18,
  parameter int unsigned OutW = 48
) (
  input  logic                   clk_i,
  input  logic                   en_i,
  input  logic [N-1:0][AW-1:0]   a_i,
  input  logic [N-1:0][BW-1:0]   b_i,
  output logic signed [OutW-1:0] y_o
);
  localparam int unsigned ProductW = AW + BW;
  logic [N-1:0][ProductW-1:0] product_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      for (int i = 0; i < int'(N); i++) begin
        product_q[i] <= ProductW'($signed(a_i[i])) * ProductW'($signed(b_i[i]));
      end
    end
  end
  dp_sum #(.N(N), .InW(ProductW), .OutW(OutW)) u_sum (.clk_i, .en_i, .x_i(product_q), .y_o);
endmodule
