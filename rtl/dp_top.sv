// A board's kernel: dp_core between the card's memory (AXI4) and its registers (AXI4-Lite).
//
// A job: commands are read from the card's memory, results written there. Names of ports are those
// that Vivado infers buses from.
module dp_top
  import dp_types_pkg::*;
(
  input  logic         ap_clk,
  input  logic         ap_rst_n,

  input  logic         s_axi_control_awvalid,
  output logic         s_axi_control_awready,
  input  logic [11:0]  s_axi_control_awaddr,
  input  logic         s_axi_control_wvalid,
  output logic         s_axi_control_wready,
  input  logic [31:0]  s_axi_control_wdata,
  input  logic [3:0]   s_axi_control_wstrb,
  output logic         s_axi_control_bvalid,
  input  logic         s_axi_control_bready,
  output logic [1:0]   s_axi_control_bresp,
  input  logic         s_axi_control_arvalid,
  output logic         s_axi_control_arready,
  input  logic [11:0]  s_axi_control_araddr,
  output logic         s_axi_control_rvalid,
  input  logic         s_axi_control_rready,
  output logic [31:0]  s_axi_control_rdata,
  output logic [1:0]   s_axi_control_rresp,

  output logic         m_axi_awvalid,
  input  logic         m_axi_awready,
  output logic         m_axi_awid,
  output logic [63:0]  m_axi_awaddr,
  output logic [7:0]   m_axi_awlen,
  output logic [2:0]   m_axi_awsize,
  output logic [1:0]   m_axi_awburst,
  output logic         m_axi_wvalid,
  input  logic         m_axi_wready,
  output logic [127:0] m_axi_wdata,
  output logic [15:0]  m_axi_wstrb,
  output logic         m_axi_wlast,
  input  logic         m_axi_bvalid,
  output logic         m_axi_bready,
  input  logic         m_axi_bid,
  input  logic [1:0]   m_axi_bresp,
  output logic         m_axi_arvalid,
  input  logic         m_axi_arready,
  output logic         m_axi_arid,
  output logic [63:0]  m_axi_araddr,
  output logic [7:0]   m_axi_arlen,
  output logic [2:0]   m_axi_arsize,
  output logic [1:0]   m_axi_arburst,
  input  logic         m_axi_rvalid,
  output logic         m_axi_rready,
  input  logic         m_axi_rid,
  input  logic [127:0] m_axi_rdata,
  input  logic         m_axi_rlast,
  input  logic [1:0]   m_axi_rresp
);
  localparam int unsigned Counters = 32;

  logic start, clear, reset, core_reset_q, reading, writing, job_q, done_q, idle, error;
  logic read_error, write_error, unused_last, unused_bus;
  logic [63:0] source, result;
  logic [31:0] source_words, result_words;
  logic [Counters-1:0][31:0] counter;
  logic s_valid, s_ready, m_valid, m_ready;
  logic [127:0] s_data, m_data;

  assign s_axi_control_bresp = 2'b00;
  assign s_axi_control_rresp = 2'b00;
  assign m_axi_awid = 1'b0;
  assign m_axi_arid = 1'b0;
  assign m_axi_awsize = 3'd4;
  assign m_axi_awburst = 2'b01;
  assign m_axi_wstrb = '1;
  assign m_axi_arsize = 3'd4;
  assign m_axi_arburst = 2'b01;
  assign unused_bus = ^{m_axi_rlast, m_axi_rid, m_axi_bid, s_axi_control_wstrb, s_axi_control_awaddr[11:8],
                        s_axi_control_araddr[11:8]};

  // a reset that the host asks for stops whatever hangs
  always_ff @(posedge ap_clk) begin
    core_reset_q <= ap_rst_n && !reset;
    done_q <= core_reset_q && job_q && !reading && !writing && !start;
    if (!core_reset_q) job_q <= 1'b0;
    else if (start) job_q <= 1'b1;
    else if (!reading && !writing) job_q <= 1'b0;
  end

  dp_regs #(.Hash(dp_model_pkg::Hash), .Counters(Counters)) u_regs (
    .clk_i(ap_clk), .rst_ni(ap_rst_n),
    .aw_valid_i(s_axi_control_awvalid), .aw_ready_o(s_axi_control_awready),
    .aw_addr_i(s_axi_control_awaddr[7:0]),
    .w_valid_i(s_axi_control_wvalid), .w_ready_o(s_axi_control_wready),
    .w_data_i(s_axi_control_wdata),
    .b_valid_o(s_axi_control_bvalid), .b_ready_i(s_axi_control_bready),
    .ar_valid_i(s_axi_control_arvalid), .ar_ready_o(s_axi_control_arready),
    .ar_addr_i(s_axi_control_araddr[7:0]),
    .r_valid_o(s_axi_control_rvalid), .r_ready_i(s_axi_control_rready),
    .r_data_o(s_axi_control_rdata),
    .status_i({read_error || write_error, writing, reading, error, idle && !job_q}),
    .done_i(done_q), .counter_i(counter),
    .start_o(start), .clear_o(clear), .reset_o(reset),
    .source_o(source), .source_words_o(source_words),
    .result_o(result), .result_words_o(result_words)
  );
  dp_dma_read u_read (
    .clk_i(ap_clk), .rst_ni(ap_rst_n), .flush_i(!core_reset_q), .start_i(start), .addr_i(source),
    .words_i(source_words), .busy_o(reading), .error_o(read_error),
    .ar_valid_o(m_axi_arvalid), .ar_ready_i(m_axi_arready), .ar_addr_o(m_axi_araddr),
    .ar_len_o(m_axi_arlen), .r_valid_i(m_axi_rvalid), .r_ready_o(m_axi_rready),
    .r_data_i(m_axi_rdata), .r_resp_i(m_axi_rresp),
    .valid_o(s_valid), .ready_i(s_ready), .data_o(s_data)
  );
  dp_core u_core (
    .clk_i(ap_clk), .rst_ni(core_reset_q),
    .s_valid_i(s_valid), .s_ready_o(s_ready), .s_data_i(s_data),
    .m_valid_o(m_valid), .m_ready_i(m_ready), .m_data_o(m_data), .m_last_o(unused_last),
    .clear_counters_i(clear), .idle_o(idle), .error_o(error), .counter_o(counter)
  );
  dp_dma_write u_write (
    .clk_i(ap_clk), .rst_ni(ap_rst_n), .flush_i(!core_reset_q), .start_i(start), .addr_i(result),
    .words_i(result_words), .busy_o(writing), .error_o(write_error),
    .valid_i(m_valid), .ready_o(m_ready), .data_i(m_data),
    .aw_valid_o(m_axi_awvalid), .aw_ready_i(m_axi_awready), .aw_addr_o(m_axi_awaddr),
    .aw_len_o(m_axi_awlen), .w_valid_o(m_axi_wvalid), .w_ready_i(m_axi_wready),
    .w_data_o(m_axi_wdata), .w_last_o(m_axi_wlast),
    .b_valid_i(m_axi_bvalid), .b_ready_o(m_axi_bready), .b_resp_i(m_axi_bresp)
  );
endmodule
