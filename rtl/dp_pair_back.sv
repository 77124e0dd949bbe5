// dE/dr of every neighbour from dE/dX of its centre and from what the way forward kept.
//
//   dg_m = sum_c R_c dX_cm         dr_c = sum_m dX_cm G_m        along = sum_k dr_k x_k
//   dt = sum_m dg_m G'_m + dr_0 s' + along h'
//   f_k = (dt x_k) 2^-(shift + octave) + h dr_k
//
// Columns of dX arrive in any order while the atom before is worked on.
module dp_pair_back
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Columns = 4,
  parameter int unsigned Types = 1,
  parameter bit Split = 1'b0,
  parameter int unsigned ColumnLanes = 2,
  parameter int unsigned OctaveW = 3,
  parameter int unsigned RowShift = 6,  // of R
  parameter int unsigned GShift = 17,   // of dg
  localparam int unsigned Blocks = Split ? Types : 1,
  localparam int unsigned Width = Columns * Blocks,
  localparam int unsigned ColumnW = index_bits(Width)
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,
  input  logic [ShiftW-1:0]                       dr_shift_i,
  input  logic [ShiftW-1:0]                       along_shift_i,
  input  logic [ShiftW-1:0]                       dt_g_shift_i,
  input  logic [ShiftW-1:0]                       dt_s_shift_i,
  input  logic [ShiftW-1:0]                       dt_h_shift_i,
  input  logic [ShiftW-1:0]                       force_u_shift_i,
  input  logic [ShiftW-1:0]                       force_h_shift_i,
  input  logic                                    x_valid_i,
  output logic                                    x_ready_o,
  input  logic                                    x_last_i,
  input  logic [ColumnLanes-1:0]                  x_use_i,
  input  logic [ColumnLanes-1:0][ColumnW-1:0]     x_column_i,
  input  logic [ColumnLanes-1:0][3:0][XW-1:0]     x_x_i,
  input  logic                                    valid_i,
  output logic                                    ready_o,
  input  beat_t                                   beat_i,
  input  logic [Lanes-1:0]                        mask_i,
  input  logic [Lanes-1:0][IndexW-1:0]            index_i,
  input  logic [Lanes-1:0][2:0][RW-1:0]           r_i,
  input  logic [Lanes-1:0][OctaveW-1:0]           octave_i,
  input  logic [Lanes-1:0][CoefW-1:0]             h_i,
  input  logic [Lanes-1:0][CoefW-1:0]             s_slope_i,
  input  logic [Lanes-1:0][CoefW-1:0]             h_slope_i,
  input  logic [Lanes-1:0][3:0][DataW-1:0]        row_i,
  input  logic [Lanes-1:0][Columns-1:0][RowW-1:0] g_i,
  input  logic [Lanes-1:0][Columns-1:0][CoefW-1:0] g_slope_i,
  output logic                                    valid_o,
  input  logic                                    ready_i,
  output beat_t                                   beat_o,
  output logic [Lanes-1:0]                        mask_o,
  output logic [Lanes-1:0][IndexW-1:0]            index_o,
  output logic [Lanes-1:0][2:0][RW-1:0]           r_o,
  output logic [Lanes-1:0][2:0][OutW-1:0]         force_o,
  output logic                                    saturated_o
);
  localparam int unsigned T = sum_stages(Columns);
  localparam int unsigned Stages = T + 11;
  localparam int unsigned LongW = XW + CoefW + 10;  // a sum over columns of the longest products
  localparam int unsigned TailW = $bits(beat_t) + Lanes * (1 + IndexW + 3 * RW);

  // ---- dX of the next atom and of this one
  logic full_q, first_q, take, accept, en, pipe_ready, moves, slice_ready, valid_out, saturated_q;
  logic [Width-1:0][3:0][XW-1:0] next_q, own_q;

  assign moves = pipe_ready && (!first_q || full_q);
  assign ready_o = moves;
  assign accept = valid_i && moves;
  assign take = accept && first_q;
  assign x_ready_o = !full_q || take;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q <= 1'b0;
      first_q <= 1'b1;
    end else begin
      if (x_valid_i && x_ready_o && x_last_i) full_q <= 1'b1;
      else if (take) full_q <= 1'b0;
      if (accept) first_q <= beat_i.last;
    end
  end
  always_ff @(posedge clk_i) begin
    if (x_valid_i && x_ready_o) begin
      for (int l = 0; l < int'(ColumnLanes); l++) begin
        if (x_use_i[l]) next_q[x_column_i[l]] <= x_x_i[l];
      end
    end
    if (take) own_q <= next_q;
  end

  // ---- the pipeline: comments give the register after which a signal is valid
  beat_t beat1_q;
  logic [Lanes-1:0] sat;
  logic [TailW-1:0] tail;
  logic [Lanes-1:0] tail_mask;
  logic [Lanes-1:0][2:0][OutW-1:0] force_q;

  dp_valid #(.Stages(Stages)) u_valid (
    .clk_i, .rst_ni, .valid_i(valid_i && (!first_q || full_q)), .ready_o(pipe_ready), .en_o(en),
    .valid_o(valid_out), .ready_i(slice_ready)
  );
  dp_delay #(.Width(TailW), .Stages(Stages)) u_tail (
    .clk_i, .en_i(en), .data_i({beat_i, mask_i, index_i, r_i}), .data_o(tail)
  );
  assign tail_mask = tail[Lanes*(IndexW+3*RW)+:Lanes];
  always_ff @(posedge clk_i) if (en) beat1_q <= beat_i;

  logic [Blocks-1:0][Columns-1:0][3:0][XW-1:0] own_blocks;
  logic [Columns-1:0][3:0][XW-1:0] own;
  assign own_blocks = own_q;
  if (Split) begin : gen_split
    logic unused_beat;
    assign unused_beat = ^{beat1_q.last, beat1_q.ti, beat1_q.center};
    assign own = own_blocks[index_bits(Types)'(beat1_q.tj)];
  end else begin : gen_whole
    logic unused_beat;
    assign unused_beat = ^beat1_q;
    assign own = own_blocks[0];
  end

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    logic [3:0][RowW-1:0] row, row_q;                 // -, 1
    logic [Columns-1:0][RowW-1:0] g_q;                // 1
    logic [Columns-1:0][CoefW-1:0] g_slope_3;         // 3
    logic [Columns-1:0][3:0][XW+RowW-1:0] dg_product_q;   // 2
    logic [3:0][Columns-1:0][XW+RowW-1:0] dr_product_q;   // 2
    logic [Columns-1:0][XW-1:0] dg_q;                 // 3
    logic [Columns-1:0] sat_dg;
    logic [Columns-1:0][XW+CoefW-1:0] dt_product_q;   // 4
    logic signed [LongW-1:0] dt_g_sum;                // T+4
    logic signed [XW-1:0] dt_g, dt_g_5_q, dt_g_6_q, dt_g_7_q;
    logic [3:0][XW-1:0] dr_q;                         // T+3
    logic [2:0][XW-1:0] dr_8;                         // T+8
    logic [3:0] sat_dr, sat_row;
    logic [2:0][RW-1:0] r_3, r_8;                     // T+3, T+8
    logic [CoefW-1:0] s_slope_3, h_slope_5, h_8;      // T+3, T+5, T+8
    logic [OctaveW-1:0] octave_9;                     // T+9
    logic [2:0][XW+RW-1:0] along_product_q;           // T+4
    logic signed [XW+CoefW-1:0] dt_s_product_q, dt_h_product_q;  // T+4, T+6
    logic signed [XW+RW+1:0] along_sum;
    logic signed [XW-1:0] along, along_q, dt_s, dt_s_5_q, dt_s_6_q, dt_s_7_q, dt_h, dt_h_q;
    logic signed [XW+1:0] dt_sum;
    logic signed [XW-1:0] dt, dt_q;                   // T+8
    logic [2:0] sat_u, sat_h, sat_f;
    logic [4:0] sat_one;
    logic [Stages:1] flag_q;

    dp_delay #(.Width(Columns * CoefW), .Stages(3)) u_g_slope (
      .clk_i, .en_i(en), .data_i(g_slope_i[l]), .data_o(g_slope_3)
    );
    dp_delay #(.Width(3 * RW + CoefW), .Stages(T + 3)) u_3 (
      .clk_i, .en_i(en), .data_i({r_i[l], s_slope_i[l]}), .data_o({r_3, s_slope_3})
    );
    dp_delay #(.Width(CoefW), .Stages(T + 5)) u_5 (
      .clk_i, .en_i(en), .data_i(h_slope_i[l]), .data_o(h_slope_5)
    );
    dp_delay #(.Width(3 * RW + CoefW), .Stages(T + 8)) u_8 (
      .clk_i, .en_i(en), .data_i({r_i[l], h_i[l]}), .data_o({r_8, h_8})
    );
    dp_delay #(.Width(3 * XW), .Stages(5)) u_dr_8 (
      .clk_i, .en_i(en), .data_i(dr_q[3:1]), .data_o(dr_8)
    );
    dp_delay #(.Width(OctaveW), .Stages(T + 9)) u_9 (
      .clk_i, .en_i(en), .data_i(octave_i[l]), .data_o(octave_9)
    );

    // dE/dG and along it dE/dt
    for (genvar m = 0; m < int'(Columns); m++) begin : gen_column
      logic signed [XW+RowW+1:0] sum;
      logic [XW-1:0] dg;
      assign sum = (XW + RowW + 2)'($signed(dg_product_q[m][0]))
        + (XW + RowW + 2)'($signed(dg_product_q[m][1]))
        + (XW + RowW + 2)'($signed(dg_product_q[m][2]))
        + (XW + RowW + 2)'($signed(dg_product_q[m][3]));
      dp_round #(.InW(XW + RowW + 2), .Shift(GShift), .OutW(XW)) u_dg (
        .x_i(sum), .y_o(dg), .sat_o(sat_dg[m])
      );
      always_ff @(posedge clk_i) begin
        if (en) begin
          for (int c = 0; c < 4; c++) begin
            dg_product_q[m][c] <= (XW + RowW)'($signed(row_q[c])) * (XW + RowW)'($signed(own[m][c]));
            dr_product_q[c][m] <= (XW + RowW)'($signed(g_q[m])) * (XW + RowW)'($signed(own[m][c]));
          end
          dg_q[m] <= dg;
          dt_product_q[m] <= (XW + CoefW)'($signed(dg_q[m]))
            * (XW + CoefW)'($signed(g_slope_3[m]));
        end
      end
    end
    dp_sum #(.N(Columns), .InW(XW + CoefW), .OutW(LongW)) u_dt_g_sum (
      .clk_i, .en_i(en), .x_i(dt_product_q), .y_o(dt_g_sum)
    );
    dp_round_by #(.InW(LongW), .ShiftW(ShiftW), .OutW(XW)) u_dt_g (
      .x_i(dt_g_sum), .shift_i(dt_g_shift_i), .y_o(dt_g), .sat_o(sat_one[0])
    );

    // dE/dR
    for (genvar c = 0; c < 4; c++) begin : gen_row
      dp_round #(.InW(DataW), .Shift(RowShift), .OutW(RowW)) u_row (
        .x_i($signed(row_i[l][c])), .y_o(row[c]), .sat_o(sat_row[c])
      );
      logic signed [SumW+5:0] sum;
      logic [XW-1:0] dr;
      dp_sum #(.N(Columns), .InW(XW + RowW), .OutW(SumW + 6)) u_sum (
        .clk_i, .en_i(en), .x_i(dr_product_q[c]), .y_o(sum)
      );
      dp_round_by #(.InW(SumW + 6), .ShiftW(ShiftW), .OutW(XW)) u_dr (
        .x_i(sum), .shift_i(dr_shift_i), .y_o(dr), .sat_o(sat_dr[c])
      );
      always_ff @(posedge clk_i) if (en) dr_q[c] <= dr;
    end

    // the three parts of dE/dt
    assign along_sum = (XW + RW + 2)'($signed(along_product_q[0]))
      + (XW + RW + 2)'($signed(along_product_q[1])) + (XW + RW + 2)'($signed(along_product_q[2]));
    dp_round_by #(.InW(XW + RW + 2), .ShiftW(ShiftW), .OutW(XW)) u_along (
      .x_i(along_sum), .shift_i(along_shift_i), .y_o(along), .sat_o(sat_one[1])
    );
    dp_round_by #(.InW(XW + CoefW), .ShiftW(ShiftW), .OutW(XW)) u_dt_s (
      .x_i(dt_s_product_q), .shift_i(dt_s_shift_i), .y_o(dt_s), .sat_o(sat_one[2])
    );
    dp_round_by #(.InW(XW + CoefW), .ShiftW(ShiftW), .OutW(XW)) u_dt_h (
      .x_i(dt_h_product_q), .shift_i(dt_h_shift_i), .y_o(dt_h), .sat_o(sat_one[3])
    );
    assign dt_sum = (XW + 2)'(dt_g_7_q) + (XW + 2)'(dt_s_7_q) + (XW + 2)'(dt_h_q);
    dp_round #(.InW(XW + 2), .Shift(0), .OutW(XW)) u_dt (
      .x_i(dt_sum), .y_o(dt), .sat_o(sat_one[4])
    );

    // the force
    for (genvar k = 0; k < 3; k++) begin : gen_axis
      logic signed [XW+RW-1:0] u_product_q;      // T+9
      logic signed [XW+CoefW-1:0] h_product_q;   // T+9
      logic signed [OutW-1:0] u, h, u_q, h_q, f, f_q;    // T+10, T+11
      logic signed [OutW:0] both;

      dp_round_by #(.InW(XW + RW), .ShiftW(ShiftW), .OutW(OutW)) u_u (
        .x_i(u_product_q), .shift_i(force_u_shift_i + ShiftW'(octave_9)),
        .y_o(u), .sat_o(sat_u[k])
      );
      dp_round_by #(.InW(XW + CoefW), .ShiftW(ShiftW), .OutW(OutW)) u_h (
        .x_i(h_product_q), .shift_i(force_h_shift_i), .y_o(h), .sat_o(sat_h[k])
      );
      assign both = (OutW + 1)'(u_q) + (OutW + 1)'(h_q);
      dp_round #(.InW(OutW + 1), .Shift(0), .OutW(OutW)) u_f (
        .x_i(both), .y_o(f), .sat_o(sat_f[k])
      );
      always_ff @(posedge clk_i) begin
        if (en) begin
          along_product_q[k] <= (XW + RW)'($signed(dr_q[k+1])) * (XW + RW)'($signed(r_3[k]));
          u_product_q <= (XW + RW)'(dt_q) * (XW + RW)'($signed(r_8[k]));
          h_product_q <= (XW + CoefW)'($signed(h_8)) * (XW + CoefW)'($signed(dr_8[k]));
          u_q <= u;
          h_q <= h;
          f_q <= f;
        end
      end
      assign force_q[l][k] = f_q;
    end

    always_ff @(posedge clk_i) begin
      if (en) begin
        row_q <= row;
        g_q <= g_i[l];
        dt_g_5_q <= dt_g;
        dt_g_6_q <= dt_g_5_q;
        dt_g_7_q <= dt_g_6_q;
        dt_s_product_q <= (XW + CoefW)'($signed(dr_q[0])) * (XW + CoefW)'($signed(s_slope_3));
        dt_s_5_q <= dt_s;
        dt_s_6_q <= dt_s_5_q;
        dt_s_7_q <= dt_s_6_q;
        along_q <= along;
        dt_h_product_q <= (XW + CoefW)'(along_q) * (XW + CoefW)'($signed(h_slope_5));
        dt_h_q <= dt_h;
        dt_q <= dt;
      end
    end

    // whether anything saturated travels with the neighbour
    always_ff @(posedge clk_i) begin
      if (en) begin
        flag_q[1] <= |sat_row;
        for (int s = 2; s <= int'(Stages); s++) flag_q[s] <= flag_q[s-1];
        if (|sat_dg) flag_q[3] <= 1'b1;
        if (|sat_dr) flag_q[T+3] <= 1'b1;
        if (|sat_one[2:0]) flag_q[T+5] <= 1'b1;
        if (sat_one[3]) flag_q[T+7] <= 1'b1;
        if (sat_one[4]) flag_q[T+8] <= 1'b1;
        if ((|sat_u) || (|sat_h)) flag_q[T+10] <= 1'b1;
        if (|sat_f) flag_q[T+11] <= 1'b1;
      end
    end
    assign sat[l] = flag_q[Stages] && tail_mask[l];
  end

  always_ff @(posedge clk_i) saturated_q <= en && valid_out && (|sat);
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(TailW + Lanes * 3 * OutW)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_out), .ready_o(slice_ready), .data_i({tail, force_q}),
    .valid_o, .ready_i, .data_o({beat_o, mask_o, index_o, r_o, force_o})
  );
endmodule
