// The command stream: words of 128 bits, a header and what belongs to it.
//
// Header: operation in bits 0 to 7, flags 8 to 15, count 32 to 63, base 64 to 95.
//   1 load   count words, each two of the model's: address above, data in the low 36 of 64 bits
//   2 coord  count atoms from base on: x, y, z, type
//   3 list   count words of the neighbour list from base on
//   4 run    the centres in count words of the list from base on
//   5 read   forces and energies of count atoms from base on, which become zero; with flag 0 the
//            virial and the status too. Waits until all that runs has ended.
// run does not wait: coordinates and lists of other atoms may follow at once.
module dp_command
  import dp_types_pkg::*;
#(
  parameter int unsigned Atoms = 512,
  parameter int unsigned ListWords = 1024,
  localparam int unsigned AtomW = index_bits(Atoms),
  localparam int unsigned WordW = index_bits(ListWords)
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    s_valid_i,
  output logic                    s_ready_o,
  input  logic [127:0]            s_data_i,
  output logic                    m_valid_o,
  input  logic                    m_ready_i,
  output logic [127:0]            m_data_o,
  output logic                    m_last_o,
  output cfg_t                    cfg_o,
  output logic                    coord_we_o,
  output logic [AtomW-1:0]        coord_addr_o,
  output logic [127:0]            word_o,         // the word of the stream, as it came
  output logic                    list_we_o,
  output logic [WordW-1:0]        list_addr_o,
  output logic                    start_o,
  output logic [WordW:0]          start_count_o,
  input  logic                    playing_i,      // the list is still read
  input  logic                    idle_i,         // nothing is under way
  output logic                    take_o,
  output logic [AtomW-1:0]        take_addr_o,
  input  logic                    taken_i,
  input  logic [127:0]            taken_word_i,
  input  logic [8:0][VirialW-1:0] virial_i,
  input  logic [VirialW-1:0]      status_i,
  output logic                    clear_o,        // the virial has been read
  output logic                    error_o         // an operation that there is not
);
  typedef enum logic [2:0] {Header, Load, LoadHigh, Coord, List, Run, Read, Virial} state_e;
  typedef enum logic [7:0] {OpLoad = 1, OpCoord = 2, OpList = 3, OpRun = 4, OpRead = 5} op_e;

  localparam int unsigned QueueDepth = 16;

  state_e state_q;
  logic [31:0] left_q, addr_q;
  logic flag_q, accept, error_q, unused_address;
  logic [63:0] high_q;
  cfg_t cfg_q;
  logic [2:0] virial_word_q;
  logic [9:0][VirialW-1:0] virial;

  logic [4:0] under_way_q, queued_q;  // asked for and not yet in the queue; in the queue
  logic room, push, pop, queue_ready, push_last;
  logic [127:0] push_word;
  logic [31:0] due_q;  // atoms of this read that have not come yet

  assign accept = s_valid_i && s_ready_o;
  assign s_ready_o = state_q == Header || state_q == Load || state_q == Coord || state_q == List;
  assign word_o = s_data_i;
  assign coord_we_o = accept && state_q == Coord;
  assign coord_addr_o = AtomW'(addr_q);
  assign list_we_o = accept && state_q == List;
  assign list_addr_o = WordW'(addr_q);
  assign start_o = state_q == Run && !playing_i;
  assign start_count_o = (WordW + 1)'(left_q);
  assign take_o = state_q == Read && idle_i && left_q != 0 && room;
  assign take_addr_o = AtomW'(addr_q);
  assign cfg_o = cfg_q;
  assign error_o = error_q;
  assign virial = {status_i, virial_i};
  assign unused_address = ^addr_q;

  always_ff @(posedge clk_i) begin
    cfg_q <= '{we: accept && state_q == Load, block: s_data_i[63:59], bank: s_data_i[58:49],
               row: s_data_i[48:36], data: s_data_i[35:0]};
    if (state_q == LoadHigh) begin
      cfg_q <= '{we: 1'b1, block: high_q[63:59], bank: high_q[58:49], row: high_q[48:36],
                 data: high_q[35:0]};
    end
    if (accept) high_q <= s_data_i[127:64];

    if (!rst_ni) begin
      state_q <= Header;
      error_q <= 1'b0;
      cfg_q.we <= 1'b0;
    end else begin
      case (state_q)
        Header: begin
          if (accept) begin
            left_q <= s_data_i[63:32];
            addr_q <= s_data_i[95:64];
            flag_q <= s_data_i[8];
            virial_word_q <= '0;
            case (s_data_i[7:0])
              OpLoad: if (s_data_i[63:32] != 0) state_q <= Load;
              OpCoord: if (s_data_i[63:32] != 0) state_q <= Coord;
              OpList: if (s_data_i[63:32] != 0) state_q <= List;
              OpRun: if (s_data_i[63:32] != 0) state_q <= Run;
              OpRead: state_q <= Read;
              default: error_q <= 1'b1;
            endcase
          end
        end
        Load: if (accept) state_q <= LoadHigh;
        LoadHigh: begin
          left_q <= left_q - 1;
          state_q <= left_q == 1 ? Header : Load;
        end
        Coord, List: begin
          if (accept) begin
            left_q <= left_q - 1;
            addr_q <= addr_q + 1;
            if (left_q == 1) state_q <= Header;
          end
        end
        Run: if (!playing_i) state_q <= Header;
        Read: begin
          if (take_o) begin
            left_q <= left_q - 1;
            addr_q <= addr_q + 1;
          end
          if (idle_i && left_q == 0 && under_way_q == 0) state_q <= flag_q ? Virial : Header;
        end
        Virial: begin
          if (queue_ready) virial_word_q <= virial_word_q + 1;
          if (queue_ready && virial_word_q == 4) state_q <= Header;
        end
      endcase
    end
  end
  assign clear_o = state_q == Virial && queue_ready && virial_word_q == 4;

  // ---- out: there is room in the queue for all that has been asked for
  assign room = 32'(under_way_q) + 32'(queued_q) < QueueDepth;
  assign push = taken_i || (state_q == Virial && queue_ready);
  assign pop = m_valid_o && m_ready_i;
  assign push_word = taken_i ? taken_word_i
    : {virial[{virial_word_q, 1'b1}], virial[{virial_word_q, 1'b0}]};
  assign push_last = taken_i ? due_q == 1 && !flag_q : virial_word_q == 4;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      under_way_q <= '0;
      queued_q <= '0;
    end else begin
      under_way_q <= under_way_q + 5'(take_o) - 5'(taken_i);
      queued_q <= queued_q + 5'(push) - 5'(pop);
    end
    if (state_q == Header) due_q <= s_data_i[63:32];
    else if (taken_i) due_q <= due_q - 1;
  end

  dp_fifo #(.Width(129), .Depth(QueueDepth)) u_queue (
    .clk_i, .rst_ni, .valid_i(push), .ready_o(queue_ready), .data_i({push_last, push_word}),
    .valid_o(m_valid_o), .ready_i(m_ready_i), .data_o({m_last_o, m_data_o})
  );
endmodule
