// The adjoint of dp_products: dX_ca += dD_k X_cb and dX_cb += dD_k X_ca, column by column.
//
// Each lane walks a list of (k, column) whose products it sums; the last entry of a column sends
// it out. A list word: k in 0 to 11 (word of D above, lane in the low 4 bits), column to multiply
// with in 12 to 19, column of the sum in 20 to 27, then "use" (0 for a column that no product
// reads) and "last". Bank p is the list of lane p.
module dp_products_back
  import dp_types_pkg::*;
#(
  parameter int unsigned Width = 8,
  parameter int unsigned Products = 8,
  parameter int unsigned ProductLanes = 2,
  parameter int unsigned Lanes = 2,
  parameter int unsigned Beats = 16,  // entries of the longest list
  parameter int unsigned Block = 4,
  localparam int unsigned ColumnW = index_bits(Width)
) (
  input  logic                               clk_i,
  input  logic                               rst_ni,
  input  cfg_t                               cfg_i,
  input  logic [ShiftW-1:0]                  shift_i,
  input  logic                               x_valid_i,
  output logic                               x_ready_o,
  input  logic                               x_last_i,
  input  logic [3:0][XW-1:0]                 x_x_i,
  input  logic                               g_valid_i,
  output logic                               g_ready_o,
  input  logic                               g_last_i,
  input  logic [ProductLanes-1:0][DataW-1:0] g_g_i,
  output logic                               valid_o,
  input  logic                               ready_i,
  output logic                               last_o,    // the atom is complete
  output logic [Lanes-1:0]                   use_o,     // lanes that send a column
  output logic [Lanes-1:0][ColumnW-1:0]      column_o,
  output logic [Lanes-1:0][3:0][XW-1:0]      x_o,
  output logic                               saturated_o
);
  localparam int unsigned DWords = (Products + ProductLanes - 1) / ProductLanes;
  localparam int unsigned DWordW = index_bits(DWords);
  localparam int unsigned LaneW = index_bits(ProductLanes);
  localparam int unsigned BeatW = index_bits(Beats);
  localparam int unsigned ProductW = XW + DataW;
  localparam int unsigned SumDxW = ProductW + index_bits(Beats);  // 48 bits would not hold a product
  localparam int unsigned ListW = 30;

  // ---- both inputs into memories of two halves
  logic write_x, write_g, full_x, full_g, half_x, half_g, read_half_x, read_half_g;
  logic unused_half;
  logic [ColumnW:0] waddr_x;
  logic [DWordW:0] waddr_g;
  logic step, at_end, lists_ready, en;
  logic [BeatW-1:0] beat_q;

  dp_halves #(.Words(Width)) u_x (
    .clk_i, .rst_ni, .valid_i(x_valid_i), .ready_o(x_ready_o), .last_i(x_last_i),
    .write_o(write_x), .waddr_o(waddr_x), .full_o(full_x), .half_o(half_x),
    .en_i(en), .finish_i(step && at_end), .read_half_o(read_half_x)
  );
  dp_halves #(.Words(DWords)) u_g (
    .clk_i, .rst_ni, .valid_i(g_valid_i), .ready_o(g_ready_o), .last_i(g_last_i),
    .write_o(write_g), .waddr_o(waddr_g), .full_o(full_g), .half_o(half_g),
    .en_i(en), .finish_i(step && at_end), .read_half_o(read_half_g)
  );
  assign unused_half = half_x ^ half_g;
  assign at_end = 32'(beat_q) == Beats - 1;
  assign step = full_x && full_g && lists_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (step) beat_q <= at_end ? '0 : beat_q + 1;
  end

  // ---- registers: list; words; operands; products; sums; rounded
  logic valid_out, last_out, slice_ready, saturated_q, sends;
  logic [3:0] moved_q;
  logic [Lanes-1:0] use_q, sat_q;
  logic [Lanes-1:0][ColumnW-1:0] column_q;
  logic [Lanes-1:0][3:0][XW-1:0] x_q;

  dp_valid #(.Stages(6)) u_valid (
    .clk_i, .rst_ni, .valid_i(full_x && full_g), .ready_o(lists_ready), .en_o(en),
    .valid_o(valid_out), .ready_i(slice_ready || !sends)
  );
  dp_delay #(.Width(1), .Stages(6)) u_last (
    .clk_i, .en_i(en), .data_i(at_end), .data_o(last_out)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_ni) moved_q <= '0;
    else if (en) moved_q <= {moved_q[2:0], step};
  end
  assign sends = valid_out && (last_out || (|use_q));

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    logic [ListW-1:0] entry;
    logic [3:0][XW-1:0] column, x3_q;
    logic [ProductLanes-1:0][DataW-1:0] word;
    logic [LaneW-1:0] k_lane_q;
    logic [DataW-1:0] g3_q;
    logic use_4, last_4;  // in step with the products
    logic [ColumnW-1:0] column_4;
    logic signed [ProductW-1:0] product_q[4];
    logic signed [SumDxW-1:0] sum_q[4];
    logic first_q, last_q;
    logic [ColumnW-1:0] sum_column_q;
    logic [3:0][XW-1:0] rounded;
    logic [3:0] sat;
    logic [3:0] unused_lane;

    dp_cfg_ram #(.Width(ListW), .Rows(Beats), .Block(Block), .Bank(l)) u_list (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(beat_q), .data_o(entry)
    );
    dp_ram #(.Width(4 * XW), .Depth(2 << ColumnW), .Style("distributed")) u_columns (
      .clk_i, .we_i(write_x), .waddr_i(waddr_x), .wdata_i(x_x_i),
      .re_i(en), .raddr_i({read_half_x, ColumnW'(entry[19:12])}), .rdata_o(column)
    );
    dp_ram #(.Width(ProductLanes * DataW), .Depth(2 << DWordW), .Style("distributed")) u_words (
      .clk_i, .we_i(write_g), .waddr_i(waddr_g), .wdata_i(g_g_i),
      .re_i(en), .raddr_i({read_half_g, DWordW'(entry[11:4])}), .rdata_o(word)
    );
    assign unused_lane = entry[3:0];
    dp_delay #(.Width(2 + ColumnW), .Stages(3)) u_4 (
      .clk_i, .en_i(en), .data_i({entry[29:28], ColumnW'(entry[27:20])}),
      .data_o({last_4, use_4, column_4})
    );

    always_ff @(posedge clk_i) begin
      if (en) begin
        k_lane_q <= LaneW'(entry[3:0]);
        x3_q <= column;
        g3_q <= word[k_lane_q];
        for (int c = 0; c < 4; c++) product_q[c] <= $signed(x3_q[c]) * $signed(g3_q);
        if (moved_q[3]) begin
          first_q <= last_4;
          for (int c = 0; c < 4; c++) begin
            sum_q[c] <= (first_q ? '0 : sum_q[c]) + (use_4 ? SumDxW'(product_q[c]) : '0);
          end
        end
        sum_column_q <= column_4;
        last_q <= moved_q[3] && last_4;
        use_q[l] <= last_q;
        column_q[l] <= sum_column_q;
        x_q[l] <= rounded;
        sat_q[l] <= last_q && (|sat);
      end
      if (!rst_ni) first_q <= 1'b1;
    end

    for (genvar c = 0; c < 4; c++) begin : gen_round
      dp_round_by #(.InW(SumDxW), .ShiftW(ShiftW), .OutW(XW)) u_round (
        .x_i(sum_q[c]), .shift_i, .y_o(rounded[c]), .sat_o(sat[c])
      );
    end
  end

  always_ff @(posedge clk_i) saturated_q <= en && sends && (|sat_q);
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(1 + Lanes * (1 + ColumnW + 4 * XW))) u_slice (
    .clk_i, .rst_ni, .valid_i(sends), .ready_o(slice_ready),
    .data_i({last_out, use_q, column_q, x_q}),
    .valid_o, .ready_i, .data_o({last_o, use_o, column_o, x_o})
  );
endmodule
