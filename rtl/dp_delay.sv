// Carries a word along a pipeline of Stages registers that move together.
module dp_delay #(
  parameter int unsigned Width = 8,
  parameter int unsigned Stages = 1
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);
  logic [Width-1:0] words_q[Stages];

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      words_q[0] <= data_i;
      for (int i = 1; i < int'(Stages); i++) words_q[i] <= words_q[i-1];
    end
  end
  assign data_o = words_q[Stages-1];
endmodule
