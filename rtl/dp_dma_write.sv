// Writes words to the card's memory, in order, by AXI4 bursts of up to Burst words. After a flush a
// burst under way is filled up with whatever there is, for the bus expects it.
module dp_dma_write #(
  parameter int unsigned Burst = 64,
  parameter int unsigned AddrW = 64
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             flush_i,  // forget the job
  input  logic             start_i,
  input  logic [AddrW-1:0] addr_i,
  input  logic [31:0]      words_i,
  output logic             busy_o,   // words are still to arrive in the memory
  output logic             error_o,
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [127:0]     data_i,
  output logic             aw_valid_o,
  input  logic             aw_ready_i,
  output logic [AddrW-1:0] aw_addr_o,
  output logic [7:0]       aw_len_o,
  output logic             w_valid_o,
  input  logic             w_ready_i,
  output logic [127:0]     w_data_o,
  output logic             w_last_o,
  input  logic             b_valid_i,
  output logic             b_ready_o,
  input  logic [1:0]       b_resp_i
);
  logic [AddrW-1:0] addr_q, aw_addr_q;
  logic [31:0] to_ask_q, now;
  logic [8:0] left_q;      // words of the burst under way
  logic [7:0] aw_len_q;
  logic [15:0] waiting_q;  // bursts whose end has not been confirmed
  logic ask, sent, sending, error_q, aw_valid_q, abort_q;

  assign now = to_ask_q < Burst ? to_ask_q : Burst;
  assign ask = to_ask_q != 0 && left_q == 0 && !aw_valid_q;
  assign aw_valid_o = aw_valid_q;
  assign aw_addr_o = aw_addr_q;
  assign aw_len_o = aw_len_q;
  assign sending = left_q != 0 && !aw_valid_q;
  assign w_valid_o = sending && (valid_i || abort_q);
  assign ready_o = sending && w_ready_i && !abort_q;
  assign w_data_o = data_i;
  assign w_last_o = left_q == 1;
  assign sent = w_valid_o && w_ready_i;
  assign b_ready_o = 1'b1;
  assign busy_o = to_ask_q != 0 || left_q != 0 || waiting_q != 0;
  assign error_o = error_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      left_q <= '0;
      waiting_q <= '0;
      abort_q <= 1'b0;
    end else begin
      if (ask) aw_valid_q <= 1'b1;
      else if (aw_ready_i) aw_valid_q <= 1'b0;
      if (ask) left_q <= 9'(now);
      else if (sent) left_q <= left_q - 1;
      waiting_q <= waiting_q + 16'(ask) - 16'(b_valid_i);
      if (sent && w_last_o) abort_q <= 1'b0;
      else if (flush_i) abort_q <= ask || left_q != 0;
    end
    if (!rst_ni || flush_i) begin
      to_ask_q <= '0;
      error_q <= 1'b0;
    end else begin
      if (start_i) to_ask_q <= words_i;
      else if (ask) to_ask_q <= to_ask_q - now;
      if (b_valid_i && b_resp_i != 0) error_q <= 1'b1;
    end
    if (start_i) addr_q <= addr_i;
    else if (ask) addr_q <= addr_q + (AddrW'(now) << 4);
    if (ask) begin
      aw_addr_q <= addr_q;
      aw_len_q <= 8'(now - 1);
    end
  end

  dp_stream_check #(AddrW + 8) u_check_aw (
    .clk_i, .rst_ni, .valid_i(aw_valid_o), .ready_i(aw_ready_i), .data_i({aw_addr_o, aw_len_o})
  );
  // the words are those of the stream that comes in; after a flush anything fills up the burst
  dp_stream_check #(1) u_check_w (
    .clk_i, .rst_ni, .valid_i(w_valid_o), .ready_i(w_ready_i), .data_i(w_last_o)
  );
endmodule
