// The contract of every stream: a word offered stays, unchanged, until it is taken. Counts what
// the tests made of it: words that had to wait, waits for a word, and words without a gap.
module dp_stream_check #(
  parameter int unsigned Width = 8
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             valid_i,
  input logic             ready_i,
  input logic [Width-1:0] data_i
);
  stays: assert property (@(posedge clk_i) disable iff (!rst_ni)
    valid_i && !ready_i |=> valid_i && $stable(data_i));

  stalled: cover property (@(posedge clk_i) disable iff (!rst_ni) valid_i && !ready_i);
  starved: cover property (@(posedge clk_i) disable iff (!rst_ni) !valid_i && ready_i);
  at_once: cover property (@(posedge clk_i) disable iff (!rst_ni)
    valid_i && ready_i && $past(valid_i && ready_i));
endmodule
