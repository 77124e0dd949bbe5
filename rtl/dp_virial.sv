// The virial: minus the sum of dE/dr (x) r over pairs, each product rounded, the sum exact. dE/dr is
// rounded first, so that a product takes two DSP slices.
module dp_virial
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned FShift = 5,
  parameter int unsigned Shift = 19
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
  localparam int unsigned ProductW = RW + XW;

  logic [1:0] valid_q;
  logic [Lanes-1:0] mask1_q, mask_q;
  logic [Lanes-1:0][2:0][RW-1:0] r_q;
  logic [Lanes-1:0][2:0][XW-1:0] f, f_q;
  logic [Lanes-1:0][2:0] unused_sat_f;

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    for (genvar a = 0; a < 3; a++) begin : gen_axis
      dp_round #(.InW(OutW), .Shift(FShift), .OutW(XW)) u_f (
        .x_i($signed(force_i[l][a])), .y_o(f[l][a]), .sat_o(unused_sat_f[l][a])
      );
    end
  end
  always_ff @(posedge clk_i) begin
    valid_q <= {valid_q[0], valid_i} & {2{rst_ni}};
    mask1_q <= mask_i;
    mask_q <= mask1_q;
    r_q <= r_i;
    f_q <= f;
  end

  for (genvar a = 0; a < 3; a++) begin : gen_row
    for (genvar b = 0; b < 3; b++) begin : gen_column
      logic [Lanes-1:0][ProductW-1:0] rounded;
      logic [Lanes-1:0] unused_sat;
      logic [VirialW-1:0] sum, sum_q;

      for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
        logic signed [ProductW-1:0] product_q;
        always_ff @(posedge clk_i) begin
          product_q <= ProductW'($signed(f_q[l][a])) * ProductW'($signed(r_q[l][b]));
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
        else if (valid_q[1]) sum_q <= sum;
      end
      assign virial_o[3*a+b] = sum_q;
    end
  end
endmodule
