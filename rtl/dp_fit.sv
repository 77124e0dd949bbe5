// The fitting net, forward and backward: D in, energy and dE/dD out.
//
// Layer l has blocks 8 + 3 l (weights; slopes' idt two above in 10 + 3 l), 9 + 3 l (biases) and
// the shifts of its way back in banks of block 10 + 3 l above those of idt.
module dp_fit
  import dp_types_pkg::*;
  import dp_model_pkg::*;
#(
  parameter int unsigned ActBlock = 5,
  parameter int unsigned HeadBlock = 6,
  parameter int unsigned FirstBlock = 8
) (
  input  logic                               clk_i,
  input  logic                               rst_ni,
  input  cfg_t                               cfg_i,
  input  logic [Layers-1:0][ShiftW-1:0]      y_shift_i,
  input  logic [Layers-1:0][ShiftW-1:0]      slope_shift_i,
  input  logic [Layers-1:0][ShiftW-1:0]      back_shift_i,
  input  logic [ShiftW-1:0]                  energy_shift_i,
  input  logic                               valid_i,
  output logic                               ready_o,
  input  logic                               last_i,
  input  logic [TypeW-1:0]                   ti_i,
  input  logic [ProductLanes-1:0][DataW-1:0] d_i,
  output logic                               valid_o,
  input  logic                               ready_i,
  output logic                               last_o,
  output logic [ProductLanes-1:0][DataW-1:0] g_o,
  output logic                               energy_valid_o,  // always taken
  output logic [OutW-1:0]                    energy_o,
  output logic [2:0]                         saturated_o      // forward, head, backward
);
  localparam int unsigned Last = LayerLanes[Layers];

  // what goes into layer l forward, and its adjoint: one more than there are layers
  logic [Layers:0] x_valid, x_ready, x_last, g_valid, g_ready, g_last;
  logic [Layers:0][TypeW-1:0] x_ti, g_ti;
  logic [Layers:0][MaxLanes-1:0][DataW-1:0] x, g;
  logic [Layers-1:0] sat_z, sat_y, sat_g;
  logic sat_head;
  logic unused_ti;

  assign x_valid[0] = valid_i;
  assign ready_o = x_ready[0];
  assign x_last[0] = last_i;
  assign x_ti[0] = ti_i;
  assign x[0] = (MaxLanes * DataW)'(d_i);
  assign valid_o = g_valid[0];
  assign g_ready[0] = ready_i;
  assign last_o = g_last[0];
  assign g_o = g[0][ProductLanes-1:0];
  assign unused_ti = ^{g_ti[0], x_last};

  for (genvar l = 0; l < int'(Layers); l++) begin : gen_layer
    localparam int unsigned In = LayerLanes[l];
    localparam int unsigned Out = LayerLanes[l+1];
    localparam int unsigned InBeats = (Widths[l] + In - 1) / In;
    localparam int unsigned OutBeats = (Widths[l+1] + Out - 1) / Out;
    localparam int unsigned InW = InBeats * In;
    localparam int unsigned AddrW = index_bits(Types * OutBeats);
    localparam int unsigned Block = FirstBlock + 3 * l;
    // slopes wait while the layers above go forward and backward: two periods each, and registers
    localparam int unsigned Wait = OutBeats * (2 * (Layers - l) + 2) + 64 * (Layers - l);

    logic a_re, b_re, z_valid, z_ready, z_last, y_valid, y_ready, y_last, d_valid, d_ready;
    logic [AddrW-1:0] a_row, b_row;
    logic [Out-1:0][InW-1:0][WeightBits[l]-1:0] a, b;
    logic [TypeW-1:0] z_ti, y_ti;
    logic [Out-1:0][ZW-1:0] z;
    logic [Out-1:0][DataW-1:0] z_x, y;
    logic [Out-1:0][RowW-1:0] y_slope, d;
    logic [1:0] both_valid;
    logic kept_ready;

    dp_weights #(
      .Count(Out * InW), .Bits(WeightBits[l]), .Rows(Types * OutBeats), .Block(Block),
      .Style(WeightStyle)
    ) u_weights (
      .clk_i, .rst_ni, .cfg_i, .a_re_i(a_re), .a_row_i(a_row), .a_o(a),
      .b_re_i(b_re), .b_row_i(b_row), .b_o(b)
    );
    dp_layer #(
      .Inputs(Widths[l]), .InLanes(In), .Outputs(Widths[l+1]), .OutLanes(Out), .Types(Types),
      .Resnet(Resnet[l]), .WeightBits(WeightBits[l]), .Block(Block + 1)
    ) u_layer (
      .clk_i, .rst_ni, .cfg_i,
      .valid_i(x_valid[l]), .ready_o(x_ready[l]), .ti_i(x_ti[l]), .x_i(x[l][In-1:0]),
      .re_o(a_re), .row_o(a_row), .weight_i(a),
      .valid_o(z_valid), .ready_i(z_ready), .last_o(z_last), .ti_o(z_ti), .z_o(z), .x_o(z_x),
      .saturated_o(sat_z[l])
    );
    dp_act #(
      .Outputs(Widths[l+1]), .Lanes(Out), .Types(Types), .Resnet(Resnet[l]),
      .Shift3(ActShift3), .Shift2(ActShift2), .Shift1(ActShift1),
      .TableBlock(ActBlock), .Block(Block + 2)
    ) u_act (
      .clk_i, .rst_ni, .cfg_i, .y_shift_i(y_shift_i[l]), .slope_shift_i(slope_shift_i[l]),
      .valid_i(z_valid), .ready_o(z_ready), .last_i(z_last), .ti_i(z_ti), .z_i(z), .x_i(z_x),
      .valid_o(y_valid), .ready_i(y_ready), .last_o(y_last), .ti_o(y_ti), .y_o(y),
      .slope_o(y_slope), .saturated_o(sat_y[l])
    );
    dp_fork u_fork (
      .clk_i, .rst_ni, .valid_i(y_valid), .ready_o(y_ready),
      .valid_o(both_valid), .ready_i({kept_ready, x_ready[l+1]})
    );
    assign x_valid[l+1] = both_valid[0];
    assign x_last[l+1] = y_last;
    assign x_ti[l+1] = y_ti;
    assign x[l+1] = (MaxLanes * DataW)'(y);
    dp_fifo #(.Width(Out * RowW), .Depth(Wait)) u_slopes (
      .clk_i, .rst_ni, .valid_i(both_valid[1]), .ready_o(kept_ready), .data_i(y_slope),
      .valid_o(d_valid), .ready_i(d_ready), .data_o(d)
    );
    dp_layer_back #(
      .Inputs(Widths[l]), .InLanes(In), .Outputs(Widths[l+1]), .OutLanes(Out), .Types(Types),
      .Resnet(Resnet[l]), .WeightBits(WeightBits[l]), .Block(Block + 2), .FirstBank(Out)
    ) u_back (
      .clk_i, .rst_ni, .cfg_i, .shift_i(back_shift_i[l]),
      .g_valid_i(g_valid[l+1]), .g_ready_o(g_ready[l+1]), .g_last_i(g_last[l+1]),
      .g_ti_i(g_ti[l+1]), .g_g_i(g[l+1][Out-1:0]),
      .d_valid_i(d_valid), .d_ready_o(d_ready), .d_d_i(d),
      .re_o(b_re), .row_o(b_row), .weight_i(b),
      .valid_o(g_valid[l]), .ready_i(g_ready[l]), .last_o(g_last[l]), .ti_o(g_ti[l]),
      .g_o(g[l][In-1:0]), .saturated_o(sat_g[l])
    );
    if (In < MaxLanes) begin : gen_fill
      assign g[l][MaxLanes-1:In] = '0;
    end
  end

  dp_head #(
    .Inputs(Widths[Layers]), .Lanes(Last), .Types(Types), .Block(HeadBlock)
  ) u_head (
    .clk_i, .rst_ni, .cfg_i, .shift_i(energy_shift_i),
    .valid_i(x_valid[Layers]), .ready_o(x_ready[Layers]), .last_i(x_last[Layers]),
    .ti_i(x_ti[Layers]), .x_i(x[Layers][Last-1:0]),
    .valid_o(g_valid[Layers]), .ready_i(g_ready[Layers]), .last_o(g_last[Layers]),
    .ti_o(g_ti[Layers]), .g_o(g[Layers][Last-1:0]), .energy_o, .saturated_o(sat_head)
  );
  if (Last < MaxLanes) begin : gen_fill_head
    assign g[Layers][MaxLanes-1:Last] = '0;
  end
  assign energy_valid_o = g_valid[Layers] && g_ready[Layers] && g_last[Layers];
  assign saturated_o = {|sat_g, sat_head, (|sat_z) || (|sat_y)};
endmodule
