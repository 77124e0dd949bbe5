// A memory in two halves: one fills from a stream while the other is read.
//
// Reading takes a list first: its address comes a step of the reading pipeline (en_i) after the
// step that asks, and a half is free once its last word has been read.
module dp_halves #(
  parameter int unsigned Words = 8,
  localparam int unsigned AddrW = dp_types_pkg::index_bits(Words)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  output logic             ready_o,
  input  logic             last_i,
  output logic             write_o,
  output logic [AddrW:0]   waddr_o,
  output logic             full_o,       // there is a half to read
  output logic             half_o,       // which
  input  logic             en_i,         // the pipeline moves
  input  logic             finish_i,     // this step asks for the last time
  output logic             read_half_o   // which half the words of the previous step are in
);
  logic in_half_q, half_q, read_half_q, read_end_q;
  logic [1:0] full_q;
  logic [AddrW-1:0] word_q;

  assign ready_o = !full_q[in_half_q] && !(read_end_q && !en_i && read_half_q == in_half_q);
  assign write_o = valid_i && ready_o;
  assign waddr_o = {in_half_q, word_q};
  assign full_o = full_q[half_q];
  assign half_o = half_q;
  assign read_half_o = read_half_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_half_q <= 1'b0;
      half_q <= 1'b0;
      full_q <= '0;
      word_q <= '0;
      read_half_q <= 1'b0;
      read_end_q <= 1'b0;
    end else begin
      if (write_o) word_q <= last_i ? '0 : word_q + 1;
      if (write_o && last_i) begin
        full_q[in_half_q] <= 1'b1;
        in_half_q <= !in_half_q;
      end
      if (finish_i) begin
        full_q[half_q] <= 1'b0;
        half_q <= !half_q;
      end
      if (en_i) begin
        read_half_q <= half_q;
        read_end_q <= finish_i;
      end
    end
  end
endmodule
