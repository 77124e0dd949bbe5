// From coordinates to rows: r, u, the pair table, R = (s, h x, h y, h z) and G.
//
// A beat holds Lanes neighbours of one centre, all of one type. Neighbours beyond the cutoff lose
// their mask bit and count for nothing downstream.
module dp_env
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Columns = 4,  // M
  parameter int unsigned Types = 1,
  parameter int unsigned RowBits = 6,
  parameter int unsigned Octaves = 8,
  parameter int unsigned Shift3 = 19,
  parameter int unsigned Shift2 = 20,
  parameter int unsigned Shift1 = 22,
  parameter int unsigned GShift = 8,
  parameter int unsigned Block = 1,
  parameter string Style = "block",
  localparam int unsigned UW = RowBits + TW + Octaves - 1,
  localparam int unsigned OctaveW = $clog2(Octaves)
) (
  input  logic                                   clk_i,
  input  logic                                   rst_ni,
  input  cfg_t                                   cfg_i,
  input  logic [UW-1:0]                          u_cut_i,
  input  logic [UW-1:0]                          u_min_i,
  input  logic [ShiftW-1:0]                      s_shift_i,
  input  logic [ShiftW-1:0]                      h_shift_i,
  input  logic                                   valid_i,
  output logic                                   ready_o,
  input  beat_t                                  beat_i,
  input  logic [2:0][CoordW-1:0]                 center_i,
  input  logic [Lanes-1:0]                       mask_i,
  input  logic [Lanes-1:0][IndexW-1:0]           index_i,
  input  logic [Lanes-1:0][2:0][CoordW-1:0]      neighbor_i,
  output logic                                   valid_o,
  input  logic                                   ready_i,
  output beat_t                                  beat_o,
  output logic [Lanes-1:0]                       mask_o,
  output logic [Lanes-1:0]                       near_o,  // nearer than the table reaches
  output logic [Lanes-1:0][IndexW-1:0]           index_o,
  output logic [Lanes-1:0][2:0][RW-1:0]          r_o,
  output logic [Lanes-1:0][OctaveW-1:0]          octave_o,
  output logic [Lanes-1:0][CoefW-1:0]            h_o,
  output logic [Lanes-1:0][CoefW-1:0]            s_slope_o,
  output logic [Lanes-1:0][CoefW-1:0]            h_slope_o,
  output logic [Lanes-1:0][3:0][DataW-1:0]       row_o,
  output logic [Lanes-1:0][Columns-1:0][RowW-1:0] g_o,
  output logic [Lanes-1:0][Columns-1:0][CoefW-1:0] g_slope_o,
  output logic                                   saturated_o
);
  localparam int unsigned Channels = Columns + 2;
  localparam int unsigned PairRows = Octaves << RowBits;
  localparam int unsigned Rows = Types * Types * PairRows;
  localparam int unsigned TableW = $clog2(Rows);
  localparam int unsigned InRowW = OctaveW + RowBits;
  localparam int unsigned UShift = 2 * 22 - (RowBits + TW + 1);  // u has RowBits+TW+1 fraction bits
  localparam int unsigned TailW = $bits(beat_t) + Lanes * (2 + IndexW + 3 * RW + OctaveW);
  localparam int unsigned OutBits = TailW
    + Lanes * (3 * CoefW + 4 * DataW + Columns * (RowW + CoefW));

  // ---- distances: three registers, then two to find the row
  logic en, located;
  beat_t beat;
  logic [Lanes-1:0] mask3, mask5, outside, too_near, near5, mask;
  logic [Lanes-1:0][IndexW-1:0] index;
  logic [Lanes-1:0][UW-1:0] u;
  logic [Lanes-1:0][2:0][RW-1:0] r3, r5;
  logic [Lanes-1:0][InRowW-1:0] in_row;
  logic [Lanes-1:0][TW-1:0] t;
  logic [Lanes-1:0][OctaveW-1:0] octave;
  logic [Lanes-1:0][TableW-1:0] row;
  logic table_ready;

  dp_valid #(.Stages(5)) u_valid (
    .clk_i, .rst_ni, .valid_i, .ready_o, .en_o(en), .valid_o(located), .ready_i(table_ready)
  );
  dp_delay #(.Width($bits(beat_t) + Lanes * IndexW), .Stages(5)) u_beat (
    .clk_i, .en_i(en), .data_i({beat_i, index_i}), .data_o({beat, index})
  );
  dp_delay #(.Width(Lanes), .Stages(3)) u_mask3 (
    .clk_i, .en_i(en), .data_i(mask_i), .data_o(mask3)
  );
  dp_delay #(.Width(Lanes * (2 + 3 * RW)), .Stages(2)) u_r5 (
    .clk_i, .en_i(en), .data_i({mask, too_near, r3}), .data_o({mask5, near5, r5})
  );
  assign mask = mask3 & ~outside;

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_distance
    dp_distance #(.Shift(UShift), .UW(UW)) u_distance (
      .clk_i, .en_i(en), .center_i, .neighbor_i(neighbor_i[l]), .r_o(r3[l]), .u_o(u[l])
    );
    dp_locate #(.TW(TW), .RowBits(RowBits), .Octaves(Octaves)) u_locate (
      .clk_i, .en_i(en), .u_i(u[l]), .row_o(in_row[l]), .t_o(t[l]), .k_o(octave[l])
    );
    assign outside[l] = u[l] >= u_cut_i;
    assign too_near[l] = mask[l] && u[l] < u_min_i;
    assign row[l] = TableW'((32'(beat.ti) * Types + 32'(beat.tj)) * PairRows + 32'(in_row[l]));
  end

  // ---- the table: eight registers
  logic read, rows_ready;
  logic [Lanes-1:0][Channels-1:0][CoefW-1:0] value, slope;
  logic [TailW-1:0] tail;

  dp_cubic #(
    .Lanes(Lanes), .Channels(Channels), .Rows(Rows), .CoefW(CoefW), .FracW(TW),
    .Shift3(Shift3), .Shift2(Shift2), .Shift1(Shift1), .MetaW(TailW), .Block(Block), .Style(Style)
  ) u_table (
    .clk_i, .rst_ni, .cfg_i,
    .valid_i(located), .ready_o(table_ready), .row_i(row), .dx_i(t),
    .meta_i({beat, near5, index, octave, mask5, r5}),
    .valid_o(read), .ready_i(rows_ready), .value_o(value), .slope_o(slope), .meta_o(tail)
  );

  // ---- rows: a register for the products, one for what is rounded
  logic en_rows, valid_rows, slice_ready;
  logic [TailW-1:0] tail2;
  logic [TailW-Lanes*(1+3*RW)-1:0] unused_tail;
  logic [Lanes-1:0] tail_mask, sat;
  logic [Lanes-1:0][2:0][RW-1:0] tail_r;
  logic [Lanes-1:0][CoefW-1:0] h_q, s_slope_q, h_slope_q, h2_q, s_slope2_q, h_slope2_q;
  logic [Lanes-1:0][3:0][DataW-1:0] row_q;
  logic [Lanes-1:0][Columns-1:0][RowW-1:0] g_q, g2_q;
  logic [Lanes-1:0][Columns-1:0][CoefW-1:0] g_slope_q, g_slope2_q;
  logic saturated_q;

  dp_valid #(.Stages(2)) u_valid_rows (
    .clk_i, .rst_ni, .valid_i(read), .ready_o(rows_ready), .en_o(en_rows),
    .valid_o(valid_rows), .ready_i(slice_ready)
  );
  dp_delay #(.Width(TailW), .Stages(2)) u_tail (
    .clk_i, .en_i(en_rows), .data_i(tail), .data_o(tail2)
  );
  assign {unused_tail, tail_mask, tail_r} = tail;

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_rows
    logic signed [CoefW-1:0] s_q;
    logic [3:0] sat_row;
    logic [Columns-1:0] sat_g, sat_g_q;
    logic mask_q;
    logic [3:0][DataW-1:0] rounded;

    for (genvar m = 0; m < int'(Columns); m++) begin : gen_column
      logic [RowW-1:0] g;
      dp_round #(.InW(CoefW), .Shift(GShift), .OutW(RowW)) u_g (
        .x_i($signed(value[l][m+2])), .y_o(g), .sat_o(sat_g[m])
      );
      always_ff @(posedge clk_i) begin
        if (en_rows) begin
          g_q[l][m] <= g;
          g_slope_q[l][m] <= slope[l][m+2];
        end
      end
    end

    dp_round_by #(.InW(CoefW), .ShiftW(ShiftW), .OutW(DataW)) u_s (
      .x_i(s_q), .shift_i(s_shift_i), .y_o(rounded[0]), .sat_o(sat_row[0])
    );
    for (genvar c = 0; c < 3; c++) begin : gen_axis
      logic signed [CoefW+RW-1:0] product_q;
      always_ff @(posedge clk_i) begin
        if (en_rows) product_q <= $signed(value[l][1]) * $signed(tail_r[l][c]);
      end
      dp_round_by #(.InW(CoefW + RW), .ShiftW(ShiftW), .OutW(DataW)) u_h (
        .x_i(product_q), .shift_i(h_shift_i), .y_o(rounded[c+1]), .sat_o(sat_row[c+1])
      );
    end

    always_ff @(posedge clk_i) begin
      if (en_rows) begin
        mask_q <= read && tail_mask[l];
        sat_g_q <= sat_g;
        s_q <= $signed(value[l][0]);
        h_q[l] <= value[l][1];
        s_slope_q[l] <= slope[l][0];
        h_slope_q[l] <= slope[l][1];
        row_q[l] <= rounded;
        h2_q[l] <= h_q[l];
        s_slope2_q[l] <= s_slope_q[l];
        h_slope2_q[l] <= h_slope_q[l];
        g2_q[l] <= g_q[l];
        g_slope2_q[l] <= g_slope_q[l];
      end
    end
    assign sat[l] = mask_q && ((|sat_row) || (|sat_g_q));
  end

  always_ff @(posedge clk_i) saturated_q <= en_rows && (|sat);
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(OutBits)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_rows), .ready_o(slice_ready),
    .data_i({tail2, h2_q, s_slope2_q, h_slope2_q, row_q, g2_q, g_slope2_q}),
    .valid_o, .ready_i,
    .data_o({beat_o, near_o, index_o, octave_o, mask_o, r_o, h_o, s_slope_o, h_slope_o, row_o,
             g_o, g_slope_o})
  );
endmodule
