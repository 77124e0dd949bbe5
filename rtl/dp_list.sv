// The neighbour list on the chip, and its player: from words of 128 bits to beats of Lanes.
//
// A centre is a word (bits 0 to 15: its number; 16 to 31: beats that follow) and the words of its
// beats, eight neighbours each, of which the last word may be used in part. Number 65535 is none.
module dp_list
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,  // 1, 2, 4 or 8
  parameter int unsigned Words = 1024,
  parameter string Style = "block",
  localparam int unsigned AddrW = index_bits(Words)
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic                         we_i,
  input  logic [AddrW-1:0]             waddr_i,
  input  logic [127:0]                 wdata_i,
  input  logic                         start_i,   // play `count_i` words from `base_i` on
  input  logic [AddrW-1:0]             base_i,
  input  logic [AddrW:0]               count_i,
  output logic                         busy_o,    // words are still to be played
  output logic                         valid_o,
  input  logic                         ready_i,
  output logic                         last_o,
  output logic [IndexW-1:0]            center_o,
  output logic [Lanes-1:0]             mask_o,
  output logic [Lanes-1:0][IndexW-1:0] index_o
);
  localparam int unsigned Parts = 8 / Lanes;  // beats in a word
  localparam int unsigned PartW = index_bits(Parts);
  localparam logic [IndexW-1:0] None = '1;

  // ---- words from the memory into a small queue
  logic [AddrW-1:0] addr_q;
  logic [AddrW:0] left_q;
  logic read_valid, read_ready, en, queue_ready, word_valid, word_ready;
  logic [127:0] read_word, word;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) left_q <= '0;
    else if (start_i) left_q <= count_i;
    else if (left_q != 0 && read_ready) left_q <= left_q - 1;
    if (start_i) addr_q <= base_i;
    else if (left_q != 0 && read_ready) addr_q <= addr_q + 1;
  end
  dp_valid #(.Stages(1)) u_read (
    .clk_i, .rst_ni, .valid_i(left_q != 0), .ready_o(read_ready), .en_o(en),
    .valid_o(read_valid), .ready_i(queue_ready)
  );
  dp_ram #(.Width(128), .Depth(Words), .Style(Style)) u_words (
    .clk_i, .we_i, .waddr_i, .wdata_i, .re_i(en), .raddr_i(addr_q), .rdata_o(read_word)
  );
  dp_fifo #(.Width(128), .Depth(16)) u_queue (
    .clk_i, .rst_ni, .valid_i(read_valid), .ready_o(queue_ready), .data_i(read_word),
    .valid_o(word_valid), .ready_i(word_ready), .data_o(word)
  );

  // ---- the next centre's word is taken while the beats of this one go out
  logic header_valid_q, active_q, load_header, load_word, word_done, out_valid, out_ready;
  logic word_valid_q, begins;
  logic [IndexW-1:0] next_center_q, center_q;
  logic [15:0] next_beats_q, beats_q, words_left_q;  // words of the centre still to be loaded
  logic [127:0] word_q;
  logic [PartW-1:0] part_q;
  logic [Parts-1:0][Lanes-1:0][IndexW-1:0] parts;
  logic [Lanes-1:0] mask;
  logic last_beat;
  logic unused_word;

  assign unused_word = ^word[127:32];
  assign last_beat = beats_q == 1;
  assign out_valid = active_q && word_valid_q;
  assign word_done = out_valid && out_ready && (last_beat || 32'(part_q) == Parts - 1);
  // the queue's head is a header once all words of the present centre are loaded
  assign load_header = word_valid && words_left_q == 0 && !header_valid_q;
  assign begins = header_valid_q && (!active_q || (word_done && last_beat));
  assign load_word = word_valid && words_left_q != 0 && (!word_valid_q || word_done);
  assign word_ready = load_header || load_word;
  assign parts = word_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      header_valid_q <= 1'b0;
      active_q <= 1'b0;
      word_valid_q <= 1'b0;
      words_left_q <= '0;
    end else begin
      if (load_header) header_valid_q <= 1'b1;
      else if (begins) header_valid_q <= 1'b0;
      if (begins) active_q <= 1'b1;
      else if (word_done && last_beat) active_q <= 1'b0;
      if (load_word) word_valid_q <= 1'b1;
      else if (word_done) word_valid_q <= 1'b0;
      if (load_header) words_left_q <= 16'((32'(word[31:16]) + Parts - 1) / Parts);
      else if (load_word) words_left_q <= words_left_q - 1;
    end
    if (load_header) begin
      next_center_q <= word[15:0];
      next_beats_q <= word[31:16];
    end
    if (begins) begin
      center_q <= next_center_q;
      beats_q <= next_beats_q;
      part_q <= '0;
    end else if (out_valid && out_ready) begin
      beats_q <= beats_q - 1;
      part_q <= word_done ? '0 : part_q + 1;
    end
    if (load_word) word_q <= word;
  end
  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_mask
    assign mask[l] = parts[part_q][l] != None;
  end
  assign busy_o = left_q != 0 || read_valid || word_valid || header_valid_q || active_q;

  dp_reg_slice #(.Width(1 + IndexW + Lanes * (1 + IndexW))) u_slice (
    .clk_i, .rst_ni, .valid_i(out_valid), .ready_o(out_ready),
    .data_i({last_beat, center_q, mask, parts[part_q]}),
    .valid_o, .ready_i, .data_o({last_o, center_o, mask_o, index_o})
  );
endmodule
