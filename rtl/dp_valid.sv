// Which stages of a pipeline hold a word. The stages move together whenever the last one may.
module dp_valid #(
  parameter int unsigned Stages = 1
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic valid_i,
  output logic ready_o,
  output logic en_o,  // the pipeline moves in this cycle
  output logic valid_o,
  input  logic ready_i
);
  logic [Stages-1:0] valid_q;

  assign en_o = ready_i || !valid_q[Stages-1];
  assign ready_o = en_o;
  assign valid_o = valid_q[Stages-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (en_o) valid_q <= Stages'({valid_q, valid_i});
  end
endmodule
