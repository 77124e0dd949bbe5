// Counts of events, 32 bits each; they wrap.
module dp_counters #(
  parameter int unsigned Count = 8
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   clear_i,
  input  logic [Count-1:0]       event_i,
  output logic [Count-1:0][31:0] count_o
);
  logic [Count-1:0][31:0] count_q;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < int'(Count); i++) begin
      if (!rst_ni || clear_i) count_q[i] <= '0;
      else if (event_i[i]) count_q[i] <= count_q[i] + 1;
    end
  end
  assign count_o = count_q;
endmodule
