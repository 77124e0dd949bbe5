// Cuts a stream by registers in both directions: two words, full rate.
module dp_reg_slice #(
  parameter int unsigned Width = 8
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);
  logic out_valid_q, skid_valid_q;
  logic [Width-1:0] out_q, skid_q;
  logic move;

  assign ready_o = !skid_valid_q;
  assign valid_o = out_valid_q;
  assign data_o = out_q;
  assign move = ready_i || !out_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_q <= 1'b0;
      skid_valid_q <= 1'b0;
    end else if (move) begin
      out_valid_q <= skid_valid_q || valid_i;
      skid_valid_q <= 1'b0;
    end else if (valid_i) begin
      skid_valid_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (move) out_q <= skid_valid_q ? skid_q : data_i;
    if (ready_o) skid_q <= data_i;
  end

  dp_stream_check #(Width) u_check (
    .clk_i, .rst_ni, .valid_i(valid_o), .ready_i, .data_i(data_o)
  );
endmodule
