// After a dense layer: y = idt f(z) [+ x], and the slope idt f'(z) that the way back needs.
//
// f is a table of cubics over all of z. Bank p holds idt of lane p.
module dp_act
  import dp_types_pkg::*;
#(
  parameter int unsigned Outputs = 8,
  parameter int unsigned Lanes = 2,
  parameter int unsigned Types = 1,
  parameter bit Resnet = 1'b0,
  parameter int unsigned Shift3 = 19,
  parameter int unsigned Shift2 = 20,
  parameter int unsigned Shift1 = 22,
  parameter int unsigned TableBlock = 5,
  parameter int unsigned Block = 10
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,
  input  cfg_t                           cfg_i,
  input  logic [ShiftW-1:0]              y_shift_i,
  input  logic [ShiftW-1:0]              slope_shift_i,
  input  logic                           valid_i,
  output logic                           ready_o,
  input  logic                           last_i,
  input  logic [TypeW-1:0]               ti_i,
  input  logic [Lanes-1:0][ZW-1:0]       z_i,
  input  logic [Lanes-1:0][DataW-1:0]    x_i,
  output logic                           valid_o,
  input  logic                           ready_i,
  output logic                           last_o,
  output logic [TypeW-1:0]               ti_o,
  output logic [Lanes-1:0][DataW-1:0]    y_o,
  output logic [Lanes-1:0][RowW-1:0]     slope_o,
  output logic                           saturated_o
);
  localparam int unsigned Beats = (Outputs + Lanes - 1) / Lanes;
  localparam int unsigned BeatW = index_bits(Beats);
  localparam int unsigned IdtRows = Types * Beats;
  localparam int unsigned IdtRowW = index_bits(IdtRows);
  localparam int unsigned TableRowW = ZW - TW;
  localparam int unsigned MetaW = 1 + TypeW;
  localparam int unsigned ProductW = CoefW + WeightW;
  localparam int unsigned TailW = MetaW + IdtRowW + Lanes * DataW;

  // ---- table
  logic [BeatW-1:0] beat_q;
  logic [Lanes-1:0][TableRowW-1:0] table_row;
  logic [Lanes-1:0][TW-1:0] t;
  logic [Lanes-1:0][0:0][CoefW-1:0] value, slope;
  logic read, rows_ready;
  logic [MetaW-1:0] meta, meta_out;
  logic [IdtRowW-1:0] idt_row;
  logic [Lanes-1:0][DataW-1:0] x_late, x_out;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (valid_i && ready_o) beat_q <= last_i ? '0 : beat_q + 1;
  end
  for (genvar p = 0; p < int'(Lanes); p++) begin : gen_row
    // z is signed: its highest bit, turned over, starts the table at the lowest z
    assign table_row[p] = {!z_i[p][ZW-1], z_i[p][ZW-2:TW]};
    assign t[p] = z_i[p][TW-1:0];
  end

  dp_cubic #(
    .Lanes(Lanes), .Channels(1), .Rows(1 << TableRowW), .CoefW(CoefW), .FracW(TW),
    .Shift3(Shift3), .Shift2(Shift2), .Shift1(Shift1), .MetaW(TailW), .Block(TableBlock)
  ) u_table (
    .clk_i, .rst_ni, .cfg_i, .valid_i, .ready_o, .row_i(table_row), .dx_i(t),
    .meta_i({last_i, ti_i, IdtRowW'(32'(ti_i) * Beats + 32'(beat_q)), x_i}),
    .valid_o(read), .ready_i(rows_ready), .value_o(value), .slope_o(slope),
    .meta_o({meta, idt_row, x_late})
  );

  // ---- registers: idt read; products; rounded; input added
  logic en, valid_out, slice_ready, saturated_q;
  logic [Lanes-1:0][DataW-1:0] y_q;
  logic [Lanes-1:0][RowW-1:0] slope_q;
  logic [Lanes-1:0] sat_q;

  dp_valid #(.Stages(4)) u_valid (
    .clk_i, .rst_ni, .valid_i(read), .ready_o(rows_ready), .en_o(en), .valid_o(valid_out),
    .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(4)) u_meta (
    .clk_i, .en_i(en), .data_i(meta), .data_o(meta_out)
  );
  dp_delay #(.Width(Lanes * DataW), .Stages(3)) u_x (
    .clk_i, .en_i(en), .data_i(x_late), .data_o(x_out)
  );

  for (genvar p = 0; p < int'(Lanes); p++) begin : gen_lane
    logic [WeightW-1:0] idt;
    logic signed [CoefW-1:0] value1_q, slope1_q;
    logic signed [ProductW-1:0] y2_q, slope2_q;
    logic signed [DataW-1:0] y, y3_q, sum;
    logic signed [RowW-1:0] d, d3_q;
    logic sat_y, sat_d, sat_sum, sat3_q;

    dp_cfg_ram #(.Width(WeightW), .Rows(IdtRows), .Block(Block), .Bank(p)) u_idt (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(idt_row), .data_o(idt)
    );
    dp_round_by #(.InW(ProductW), .ShiftW(ShiftW), .OutW(DataW)) u_y (
      .x_i(y2_q), .shift_i(y_shift_i), .y_o(y), .sat_o(sat_y)
    );
    dp_round_by #(.InW(ProductW), .ShiftW(ShiftW), .OutW(RowW)) u_d (
      .x_i(slope2_q), .shift_i(slope_shift_i), .y_o(d), .sat_o(sat_d)
    );
    if (Resnet) begin : gen_resnet
      logic signed [DataW:0] both;
      assign both = (DataW + 1)'(y3_q) + (DataW + 1)'($signed(x_out[p]));
      dp_round #(.InW(DataW + 1), .Shift(0), .OutW(DataW)) u_sum (
        .x_i(both), .y_o(sum), .sat_o(sat_sum)
      );
    end else begin : gen_plain
      logic unused_x;
      assign unused_x = &x_out[p];
      assign sum = y3_q;
      assign sat_sum = 1'b0;
    end
    always_ff @(posedge clk_i) begin
      if (en) begin
        value1_q <= $signed(value[p][0]);
        slope1_q <= $signed(slope[p][0]);
        y2_q <= $signed(idt) * value1_q;
        slope2_q <= $signed(idt) * slope1_q;
        y3_q <= y;
        d3_q <= d;
        sat3_q <= sat_y || sat_d;
        y_q[p] <= sum;
        slope_q[p] <= d3_q;
        sat_q[p] <= sat3_q || sat_sum;
      end
    end
  end

  always_ff @(posedge clk_i) saturated_q <= en && valid_out && (|sat_q);
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(MetaW + Lanes * (DataW + RowW))) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_out), .ready_o(slice_ready),
    .data_i({meta_out, y_q, slope_q}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, y_o, slope_o})
  );
endmodule
