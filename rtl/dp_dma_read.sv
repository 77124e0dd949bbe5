// Reads words from the card's memory, in order, by AXI4 bursts of up to Burst words.
//
// A burst is asked for when the queue has room for all of it, so that the bus never waits.
module dp_dma_read #(
  parameter int unsigned Burst = 64,
  parameter int unsigned AddrW = 64
) (
  input  logic             clk_i,
  input  logic             rst_ni,
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

  logic [AddrW-1:0] addr_q;
  logic [31:0] to_ask_q, to_leave_q, now;
  logic [$clog2(Depth+1):0] claimed_q;  // room that bursts and words in the queue take
  logic ask, leave, error_q, unused_ready;

  assign now = to_ask_q < Burst ? to_ask_q : Burst;
  assign ar_valid_o = to_ask_q != 0 && 32'(claimed_q) + now <= Depth;
  assign ar_addr_o = addr_q;
  assign ar_len_o = 8'(now - 1);
  assign ask = ar_valid_o && ar_ready_i;
  assign leave = valid_o && ready_i;
  assign r_ready_o = 1'b1;
  assign busy_o = to_leave_q != 0;
  assign error_o = error_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
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
  end

  dp_fifo #(.Width(128), .Depth(Depth), .Style("block")) u_queue (
    .clk_i, .rst_ni, .valid_i(r_valid_i), .ready_o(unused_ready), .data_i(r_data_i),
    .valid_o, .ready_i, .data_o
  );
endmodule
