// The descriptor: D_k = sum_c X_ca X_cb for a list of pairs (a, b) of columns that is loaded.
//
// Two copies of X, so that the columns of the next atom arrive while this one is worked on. Bank
// p of the list holds the pairs of lane p: b in bits 8 and above, a in bits 0 to 7.
module dp_products
  import dp_types_pkg::*;
#(
  parameter int unsigned Width = 8,     // columns of X
  parameter int unsigned Products = 8,  // K
  parameter int unsigned Lanes = 2,     // products in a cycle
  parameter int unsigned Block = 3
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  cfg_t                        cfg_i,
  input  logic [ShiftW-1:0]           shift_i,
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic                        last_i,
  input  logic [TypeW-1:0]            ti_i,
  input  logic [3:0][XW-1:0]          x_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic                        last_o,
  output logic [TypeW-1:0]            ti_o,
  output logic [Lanes-1:0][DataW-1:0] d_o,
  output logic                        saturated_o
);
  localparam int unsigned Beats = (Products + Lanes - 1) / Lanes;
  localparam int unsigned BeatW = index_bits(Beats);
  localparam int unsigned ColumnW = index_bits(Width);
  localparam int unsigned SumXW = 2 * XW + 2;
  localparam int unsigned MetaW = 1 + TypeW;

  // ---- columns in
  logic write, full, half, read_half, at_end, step, en, lists_ready;
  logic [ColumnW:0] waddr;
  logic [TypeW-1:0] ti_q[2];
  logic [BeatW-1:0] beat_q;

  dp_halves #(.Words(Width)) u_halves (
    .clk_i, .rst_ni, .valid_i, .ready_o, .last_i, .write_o(write), .waddr_o(waddr),
    .full_o(full), .half_o(half), .en_i(en), .finish_i(step && at_end), .read_half_o(read_half)
  );
  assign at_end = 32'(beat_q) == Beats - 1;
  assign step = full && lists_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (step) beat_q <= at_end ? '0 : beat_q + 1;
  end
  always_ff @(posedge clk_i) if (write) ti_q[waddr[ColumnW]] <= ti_i;

  // ---- registers: list read; columns read; products; sum; rounded
  logic valid_rounded, slice_ready;
  logic [MetaW-1:0] meta;
  logic [Lanes-1:0][DataW-1:0] rounded;
  logic [Lanes-1:0] sat;
  logic saturated_q;

  dp_valid #(.Stages(5)) u_valid (
    .clk_i, .rst_ni, .valid_i(full), .ready_o(lists_ready), .en_o(en),
    .valid_o(valid_rounded), .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(5)) u_meta (
    .clk_i, .en_i(en), .data_i({at_end, ti_q[half]}), .data_o(meta)
  );
  for (genvar p = 0; p < int'(Lanes); p++) begin : gen_lane
    logic [15:0] pair;
    logic [3:0][XW-1:0] a, b;
    logic signed [2*XW-1:0] product_q[4];
    logic signed [SumXW-1:0] sum_q;
    logic [DataW-1:0] d, d_q;
    logic sat_d, sat_q;

    dp_cfg_ram #(.Width(16), .Rows(Beats), .Block(Block), .Bank(p)) u_list (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(beat_q), .data_o(pair)
    );
    dp_ram #(.Width(4 * XW), .Depth(2 << ColumnW), .Style("distributed")) u_a (
      .clk_i, .we_i(write), .waddr_i(waddr), .wdata_i(x_i),
      .re_i(en), .raddr_i({read_half, ColumnW'(pair[7:0])}), .rdata_o(a)
    );
    dp_ram #(.Width(4 * XW), .Depth(2 << ColumnW), .Style("distributed")) u_b (
      .clk_i, .we_i(write), .waddr_i(waddr), .wdata_i(x_i),
      .re_i(en), .raddr_i({read_half, ColumnW'(pair[15:8])}), .rdata_o(b)
    );
    dp_round_by #(.InW(SumXW), .ShiftW(ShiftW), .OutW(DataW)) u_round (
      .x_i(sum_q), .shift_i, .y_o(d), .sat_o(sat_d)
    );
    always_ff @(posedge clk_i) begin
      if (en) begin
        for (int c = 0; c < 4; c++) product_q[c] <= $signed(a[c]) * $signed(b[c]);
        sum_q <= SumXW'(product_q[0]) + SumXW'(product_q[1])
          + SumXW'(product_q[2]) + SumXW'(product_q[3]);
        d_q <= d;
        sat_q <= sat_d;
      end
    end
    assign rounded[p] = d_q;
    assign sat[p] = sat_q;
  end

  always_ff @(posedge clk_i) saturated_q <= en && valid_rounded && (|sat);
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(MetaW + Lanes * DataW)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_rounded), .ready_o(slice_ready), .data_i({meta, rounded}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, d_o})
  );
endmodule
