// Reads words from the card's memory, in order, by AXI4 bursts of up to Burst words.
//
// A burst is asked for when the queue has room for all of it, so that the bus never waits. After a
// flush, words that had been asked for still come, and are dropped.
module dp_dma_read #(
  parameter int unsigned Burst = 64,
  parameter int unsigned AddrW = 64
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             flush_i,  // forget the job
  input  logic             start_i,
  input  logic [AddrW-1:0] addr_i,
  input  logic [31:0]      words_i,
  output logic             busy_o,   // words are still to leave
  output logic             error_o,
  output logic             ar_valid_o,
  input  logic             ar_ready_i,
  output logic [AddrW-1:0] ar_addr_o,
  output logic [7:0]       ar_len_o,
  input  logic             r_valid_i,
  output logic             r_ready_o,
  input  logic [127:0]     r_data_i,
  input  logic [1:0]       r_resp_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [127:0]     data_o
);
  localparam int unsigned Depth = 4 * Burst;

  logic [AddrW-1:0] addr_q, ar_addr_q;
  logic [31:0] to_ask_q, to_leave_q, now, coming_q, coming, drop_q;
  logic [$clog2(Depth+1):0] claimed_q;  // room that bursts and words in the queue take
  logic [7:0] ar_len_q;
  logic ask, leave, push, error_q, ar_valid_q, unused_ready;

  assign now = to_ask_q < Burst ? to_ask_q : Burst;
  assign ask = to_ask_q != 0 && 32'(claimed_q) + now <= Depth && (!ar_valid_q || ar_ready_i);
  assign ar_valid_o = ar_valid_q;
  assign ar_addr_o = ar_addr_q;
  assign ar_len_o = ar_len_q;
  assign leave = valid_o && ready_i;
  assign r_ready_o = 1'b1;
  assign busy_o = to_leave_q != 0;
  assign error_o = error_q;
  assign coming = coming_q + (ask ? now : 0) - 32'(r_valid_i);
  assign push = r_valid_i && drop_q == 0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ar_valid_q <= 1'b0;
      coming_q <= '0;
      drop_q <= '0;
    end else begin
      if (ask) ar_valid_q <= 1'b1;
      else if (ar_ready_i) ar_valid_q <= 1'b0;
      coming_q <= coming;
      if (flush_i) drop_q <= coming;
      else if (r_valid_i && drop_q != 0) drop_q <= drop_q - 1;
    end
    if (!rst_ni || flush_i) begin
      to_ask_q <= '0;
      to_leave_q <= '0;
      claimed_q <= '0;
      error_q <= 1'b0;
    end else begin
      if (start_i) begin
        to_ask_q <= words_i;
        to_leave_q <= words_i;
      end else begin
        if (ask) to_ask_q <= to_ask_q - now;
        if (leave) to_leave_q <= to_leave_q - 1;
      end
      claimed_q <= claimed_q + (ask ? ($clog2(Depth + 1) + 1)'(now) : '0)
        - ($clog2(Depth + 1) + 1)'(leave);
      if (r_valid_i && r_resp_i != 0) error_q <= 1'b1;
    end
    if (start_i) addr_q <= addr_i;
    else if (ask) addr_q <= addr_q + (AddrW'(now) << 4);
    if (ask) begin
      ar_addr_q <= addr_q;
      ar_len_q <= 8'(now - 1);
    end
  end

  dp_fifo #(.Width(128), .Depth(Depth), .Style("block")) u_queue (
    .clk_i, .rst_ni(rst_ni && !flush_i), .valid_i(push), .ready_o(unused_ready), .data_i(r_data_i),
    .valid_o, .ready_i, .data_o
  );
  dp_stream_check #(AddrW + 8) u_check_ar (
    .clk_i, .rst_ni, .valid_i(ar_valid_o), .ready_i(ar_ready_i), .data_i({ar_addr_o, ar_len_o})
  );
endmodule
