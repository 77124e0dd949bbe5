// A dense layer, forward: all inputs at once, OutLanes columns in a cycle, each a dot product.
//
// The inputs of the next atom arrive, InLanes in a cycle, while this one is worked on. Weights are
// outside: dp_layer_back reads the same. Bank 2p of the biases holds bits 0 to 35 of lane p, bank
// 2p + 1 bits 36 to 47 and, above, the shift of that column.
//
// With weights of 8 bits, two lanes share their DSP slices, and inputs are cut to 12 bits.
module dp_layer
  import dp_types_pkg::*;
#(
  parameter int unsigned Inputs = 8,
  parameter int unsigned InLanes = 2,
  parameter int unsigned Outputs = 8,
  parameter int unsigned OutLanes = 2,
  parameter int unsigned Types = 1,
  parameter bit Resnet = 1'b0,
  parameter int unsigned WeightBits = WeightW,
  parameter int unsigned Block = 9,
  localparam int unsigned InBeats = (Inputs + InLanes - 1) / InLanes,
  localparam int unsigned InW = InBeats * InLanes,  // with what fills the last beat
  localparam int unsigned OutBeats = (Outputs + OutLanes - 1) / OutLanes,
  localparam int unsigned Rows = Types * OutBeats,
  localparam int unsigned AddrW = index_bits(Rows)
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,
  input  cfg_t                                    cfg_i,
  input  logic                                    valid_i,
  output logic                                    ready_o,
  input  logic [TypeW-1:0]                        ti_i,
  input  logic [InLanes-1:0][DataW-1:0]           x_i,
  output logic                                    re_o,
  output logic [AddrW-1:0]                        row_o,
  input  logic [OutLanes-1:0][InW-1:0][WeightBits-1:0] weight_i,
  output logic                                    valid_o,
  input  logic                                    ready_i,
  output logic                                    last_o,
  output logic [TypeW-1:0]                        ti_o,
  output logic [OutLanes-1:0][ZW-1:0]             z_o,
  output logic [OutLanes-1:0][DataW-1:0]          x_o,  // the input in step, if Resnet
  output logic                                    saturated_o
);
  localparam int unsigned InBeatW = index_bits(InBeats);
  localparam int unsigned OutBeatW = index_bits(OutBeats);
  localparam int unsigned DotStages = 1 + sum_stages(InW);
  localparam int unsigned Stages = 1 + DotStages + 2;
  localparam int unsigned MetaW = 1 + TypeW;
  localparam bit Packed = WeightBits == PackedW;
  localparam int unsigned Cut = DataW - PackedDataW;

  if (WeightBits != WeightW && !Packed) begin : gen_weight_bits
    $error("weights have %0d bits, but must have %0d or %0d", WeightBits, WeightW, PackedW);
  end
  if (Resnet && (Inputs != Outputs || InLanes != OutLanes)) begin : gen_resnet_shape
    $error("a layer that adds its input needs as many outputs, in as many lanes");
  end

  // ---- inputs
  logic full_q, write, in_end, take, step, at_end, en, slice_ready, step_ready, valid_z;
  logic [InBeatW-1:0] in_beat_q;
  logic [OutBeatW-1:0] beat_q;
  logic [InBeats-1:0][InLanes-1:0][DataW-1:0] next_q;
  logic [InW-1:0][DataW-1:0] x_q;
  logic [TypeW-1:0] next_ti_q, ti_q, ti;
  logic busy;

  assign in_end = 32'(in_beat_q) == InBeats - 1;
  assign ready_o = !full_q || take;
  assign write = valid_i && ready_o;
  assign busy = full_q || beat_q != 0;
  assign step = busy && step_ready;
  assign take = step && beat_q == 0;
  assign at_end = 32'(beat_q) == OutBeats - 1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q <= 1'b0;
      in_beat_q <= '0;
      beat_q <= '0;
    end else begin
      if (write) in_beat_q <= in_end ? '0 : in_beat_q + 1;
      if (write && in_end) full_q <= 1'b1;
      else if (take) full_q <= 1'b0;
      if (step) beat_q <= at_end ? '0 : beat_q + 1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) begin
      next_q[in_beat_q] <= x_i;
      next_ti_q <= ti_i;
    end
    if (take) begin
      x_q <= next_q;
      ti_q <= next_ti_q;
    end
  end

  // ---- dot products: weights arrive with the first of their registers
  logic signed [SumW-1:0] dot[OutLanes];
  logic sat_cut;

  if (Packed) begin : gen_packed
    logic [InLanes-1:0][PackedDataW-1:0] cut;
    logic [InBeats-1:0][InLanes-1:0][PackedDataW-1:0] next_cut_q;
    logic [InW-1:0][PackedDataW-1:0] cut_q;
    logic [InLanes-1:0] sat_in;
    logic sat_cut_q;

    for (genvar p = 0; p < int'(InLanes); p++) begin : gen_cut
      dp_round #(.InW(DataW), .Shift(Cut), .OutW(PackedDataW)) u_cut (
        .x_i($signed(x_i[p])), .y_o(cut[p]), .sat_o(sat_in[p])
      );
    end
    always_ff @(posedge clk_i) begin
      if (write) next_cut_q[in_beat_q] <= cut;
      if (take) cut_q <= next_cut_q;
      sat_cut_q <= rst_ni && write && (|sat_in);
    end
    assign sat_cut = sat_cut_q;
    if (!Resnet) begin : gen_unused_x
      logic unused_x;
      assign unused_x = ^x_q;
    end

    for (genvar p = 0; p < int'(OutLanes); p += 2) begin : gen_pair
      localparam bit Two = p + 1 < int'(OutLanes);
      logic [InW-1:0][PackedW-1:0] w1;
      logic [1:0][InW-1:0][PackedShift-1:0] product;

      assign w1 = Two ? weight_i[Two?p+1:p] : '0;
      dp_mul_pair #(.N(InW)) u_product (
        .clk_i, .en_i(en), .w0_i(weight_i[p]), .w1_i(w1), .x_i(cut_q),
        .y0_o(product[0]), .y1_o(product[1])
      );
      for (genvar k = 0; k < (Two ? 2 : 1); k++) begin : gen_sum
        logic signed [SumW-Cut-1:0] sum;
        dp_sum #(.N(InW), .InW(PackedShift), .OutW(SumW - Cut)) u_sum (
          .clk_i, .en_i(en), .x_i(product[k]), .y_o(sum)
        );
        assign dot[p+k] = {sum, Cut'(0)};
      end
      if (!Two) begin : gen_unused
        logic unused_product;
        assign unused_product = ^product[1];
      end
    end
  end else begin : gen_whole
    assign sat_cut = 1'b0;
    for (genvar p = 0; p < int'(OutLanes); p++) begin : gen_dot
      dp_dot #(.N(InW), .AW(DataW), .BW(WeightW), .OutW(SumW)) u_dot (
        .clk_i, .en_i(en), .a_i(x_q), .b_i(weight_i[p]), .y_o(dot[p])
      );
    end
  end

  // ---- registers: weights read; dot product; bias added; rounded
  logic [MetaW-1:0] meta;
  logic [OutLanes-1:0][ZW-1:0] rounded_q;
  logic [OutLanes-1:0] sat_q;
  logic [OutLanes-1:0][DataW-1:0] x_out;
  logic saturated_q;

  assign ti = take ? next_ti_q : ti_q;
  assign re_o = en;
  assign row_o = AddrW'(32'(ti) * OutBeats + 32'(beat_q));

  dp_valid #(.Stages(Stages)) u_valid (
    .clk_i, .rst_ni, .valid_i(busy), .ready_o(step_ready), .en_o(en), .valid_o(valid_z),
    .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(Stages)) u_meta (
    .clk_i, .en_i(en), .data_i({at_end, ti}), .data_o(meta)
  );

  for (genvar p = 0; p < int'(OutLanes); p++) begin : gen_lane
    logic [ShiftW+SumW-1:0] bias, bias_late;
    logic [ShiftW-1:0] shift_q;
    logic signed [SumW-1:0] sum_q;
    logic [ZW-1:0] rounded;
    logic sat;

    dp_cfg_ram #(.Width(ShiftW + SumW), .Rows(Rows), .Block(Block), .Bank(2 * p)) u_bias (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(row_o), .data_o(bias)
    );
    dp_delay #(.Width(ShiftW + SumW), .Stages(DotStages)) u_bias_late (
      .clk_i, .en_i(en), .data_i(bias), .data_o(bias_late)
    );
    dp_round_by #(.InW(SumW), .ShiftW(ShiftW), .OutW(ZW)) u_round (
      .x_i(sum_q), .shift_i(shift_q), .y_o(rounded), .sat_o(sat)
    );
    always_ff @(posedge clk_i) begin
      if (en) begin
        sum_q <= dot[p] + $signed(bias_late[SumW-1:0]);
        shift_q <= bias_late[SumW+:ShiftW];
        rounded_q[p] <= rounded;
        sat_q[p] <= sat;
      end
    end
  end

  if (Resnet) begin : gen_resnet
    logic [OutBeatW-1:0] beat1_q;
    logic [OutBeats-1:0][OutLanes-1:0][DataW-1:0] x_beats;
    always_ff @(posedge clk_i) if (en) beat1_q <= beat_q;
    assign x_beats = x_q;
    dp_delay #(.Width(OutLanes * DataW), .Stages(Stages - 1)) u_x (
      .clk_i, .en_i(en), .data_i(x_beats[beat1_q]), .data_o(x_out)
    );
  end else begin : gen_plain
    assign x_out = '0;
  end

  always_ff @(posedge clk_i) saturated_q <= (en && valid_z && (|sat_q)) || sat_cut;
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(MetaW + OutLanes * (ZW + DataW))) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_z), .ready_o(slice_ready),
    .data_i({meta, rounded_q, x_out}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, z_o, x_o})
  );
endmodule
