// One stream to two: each takes a word when it likes, the next comes when both have it.
module dp_fork (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       valid_i,
  output logic       ready_o,
  output logic [1:0] valid_o,
  input  logic [1:0] ready_i
);
  logic [1:0] done_q, done;

  assign valid_o = {2{valid_i}} & ~done_q;
  assign done = done_q | (valid_o & ready_i);
  assign ready_o = &done;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) done_q <= '0;
    else if (valid_i) done_q <= ready_o ? '0 : done;
  end

  // the words themselves are those of the stream that comes in
  for (genvar k = 0; k < 2; k++) begin : gen_check
    dp_stream_check #(1) u_check (
      .clk_i, .rst_ni, .valid_i(valid_o[k]), .ready_i(ready_i[k]), .data_i(1'b0)
    );
  end
endmodule
