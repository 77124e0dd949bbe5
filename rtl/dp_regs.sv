// The registers, on AXI4-Lite. Addresses: dp_regs_pkg.
module dp_regs
  import dp_regs_pkg::*;
#(
  parameter logic [63:0] Hash = 64'h0,
  parameter int unsigned Counters = 32
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      aw_valid_i,
  output logic                      aw_ready_o,
  input  logic [7:0]                aw_addr_i,
  input  logic                      w_valid_i,
  output logic                      w_ready_o,
  input  logic [31:0]               w_data_i,
  output logic                      b_valid_o,
  input  logic                      b_ready_i,
  input  logic                      ar_valid_i,
  output logic                      ar_ready_o,
  input  logic [7:0]                ar_addr_i,
  output logic                      r_valid_o,
  input  logic                      r_ready_i,
  output logic [31:0]               r_data_o,
  input  logic [4:0]                status_i,
  input  logic                      done_i,
  input  logic [Counters-1:0][31:0] counter_i,
  output logic                      start_o,
  output logic                      clear_o,
  output logic                      reset_o,
  output logic [63:0]               source_o,
  output logic [31:0]               source_words_o,
  output logic [63:0]               result_o,
  output logic [31:0]               result_words_o
);
  localparam logic [31:0] Id = 32'h31435044;

  logic write, read, b_valid_q, r_valid_q, start_q, clear_q, reset_q;
  logic [31:0] r_data_q, r_data, done_q, source_words_q, result_words_q;
  logic [63:0] source_q, result_q;
  logic [4:0] counter;

  assign write = aw_valid_i && w_valid_i && (!b_valid_q || b_ready_i);
  assign aw_ready_o = write;
  assign w_ready_o = write;
  assign b_valid_o = b_valid_q;
  assign read = ar_valid_i && (!r_valid_q || r_ready_i);
  assign ar_ready_o = read;
  assign r_valid_o = r_valid_q;
  assign r_data_o = r_data_q;
  assign start_o = start_q;
  assign clear_o = clear_q;
  assign reset_o = reset_q;
  assign source_o = source_q;
  assign source_words_o = source_words_q;
  assign result_o = result_q;
  assign result_words_o = result_words_q;
  assign counter = ar_addr_i[6:2];

  always_comb begin
    case (ar_addr_i)
      RegId: r_data = Id;
      RegHashLow: r_data = Hash[31:0];
      RegHashHigh: r_data = Hash[63:32];
      RegStatus: r_data = {27'b0, status_i};
      RegSourceLow: r_data = source_q[31:0];
      RegSourceHigh: r_data = source_q[63:32];
      RegSourceWords: r_data = source_words_q;
      RegResultLow: r_data = result_q[31:0];
      RegResultHigh: r_data = result_q[63:32];
      RegResultWords: r_data = result_words_q;
      RegDone: r_data = done_q;
      default: r_data = ar_addr_i >= RegCounters ? counter_i[counter] : '0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    start_q <= 1'b0;
    clear_q <= 1'b0;
    reset_q <= 1'b0;
    if (!rst_ni) begin
      b_valid_q <= 1'b0;
      r_valid_q <= 1'b0;
      done_q <= '0;
    end else begin
      if (write) b_valid_q <= 1'b1;
      else if (b_ready_i) b_valid_q <= 1'b0;
      if (read) r_valid_q <= 1'b1;
      else if (r_ready_i) r_valid_q <= 1'b0;
      if (done_i) done_q <= done_q + 1;
    end
    if (read) r_data_q <= r_data;
    if (write) begin
      case (aw_addr_i)
        RegControl: {reset_q, clear_q, start_q} <= w_data_i[2:0] & {3{rst_ni}};
        RegSourceLow: source_q[31:0] <= w_data_i;
        RegSourceHigh: source_q[63:32] <= w_data_i;
        RegSourceWords: source_words_q <= w_data_i;
        RegResultLow: result_q[31:0] <= w_data_i;
        RegResultHigh: result_q[63:32] <= w_data_i;
        RegResultWords: result_words_q <= w_data_i;
        default: ;
      endcase
    end
  end

  dp_stream_check #(1) u_check_b (
    .clk_i, .rst_ni, .valid_i(b_valid_o), .ready_i(b_ready_i), .data_i(1'b0)
  );
  dp_stream_check #(32) u_check_r (
    .clk_i, .rst_ni, .valid_i(r_valid_o), .ready_i(r_ready_i), .data_i(r_data_o)
  );
endmodule
