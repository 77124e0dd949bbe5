// The virial: minus the sum of dE/dr (x) r over pairs, each product rounded, the sum exact.
module dp_virial
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Shift = 24
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  input  logic                            clear_i,
  input  logic                            valid_i,
  input  logic [Lanes-1:0]                mask_i,
  input  logic [Lanes-1:0][2:0][RW-1:0]   r_i,
  input  logic [Lanes-1:0][2:0][OutW-1:0] force_i,
  output logic [8:0][VirialW-1:0]         virial_o   // xx, xy, xz, yx, ...
);
  localparam int unsigned ProductW = RW + OutW;

  logic valid_q;
  logic [Lanes-1:0] mask_q;

  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && valid_i;
    mask_q <= mask_i;
  end

  for (genvar a = 0; a < 3; a++) begin : gen_row
    for (genvar b = 0; b < 3; b++) begin : gen_column
      logic [Lanes-1:0][ProductW-1:0] rounded;
      logic [Lanes-1:0] unused_sat;
      logic [VirialW-1:0] sum, sum_q;

      for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
        logic signed [ProductW-1:0] product_q;
        always_ff @(posedge clk_i) begin
          product_q <= ProductW'($signed(force_i[l][a])) * ProductW'($signed(r_i[l][b]));
        end
        dp_round #(.InW(ProductW), .Shift(Shift), .OutW(ProductW)) u_round (
          .x_i(product_q), .y_o(rounded[l]), .sat_o(unused_sat[l])
        );
      end
      always_comb begin
        sum = sum_q;
        for (int l = 0; l < int'(Lanes); l++) begin
          if (mask_q[l]) sum = sum - VirialW'($signed(rounded[l]));
        end
      end
      always_ff @(posedge clk_i) begin
        if (!rst_ni || clear_i) sum_q <= '0;
        else if (valid_q) sum_q <= sum;
      end
      assign virial_o[3*a+b] = sum_q;
    end
  end
endmodule
