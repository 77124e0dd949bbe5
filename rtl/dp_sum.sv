// The exact sum of N words, four at a time: sum_stages(N) registers.
module dp_sum #(
  parameter int unsigned N = 8,
  parameter int unsigned InW = 45,
  parameter int unsigned OutW = 48
) (
  input  logic                     clk_i,
  input  logic                     en_i,
  input  logic [N-1:0][InW-1:0]    x_i,
  output logic signed [OutW-1:0]   y_o
);
  localparam int unsigned Stages = dp_types_pkg::sum_stages(N);

  for (genvar s = 0; s < int'(Stages); s++) begin : gen_stage
    localparam int Terms = (int'(N) + 4 ** s - 1) / 4 ** s;
    localparam int Sums = (Terms + 3) / 4;
    logic signed [OutW-1:0] term[Terms], sum_q[Sums];

    if (s == 0) begin : gen_first
      always_comb for (int i = 0; i < Terms; i++) term[i] = OutW'($signed(x_i[i]));
    end else begin : gen_next
      always_comb for (int i = 0; i < Terms; i++) term[i] = gen_stage[s-1].sum_q[i];
    end

    always_ff @(posedge clk_i) begin
      if (en_i) begin
        for (int i = 0; i < Sums; i++) begin
          automatic logic signed [OutW-1:0] sum = '0;
          for (int k = 4 * i; k < 4 * i + 4 && k < Terms; k++) sum = sum + term[k];
          sum_q[i] <= sum;
        end
      end
    end
  end
  assign y_o = gen_stage[Stages-1].sum_q[0];
endmodule
