// A dense layer, backward: gz = g slope, then gx = W gz as a sum of outer products.
//
// It walks the columns as dp_layer does and reads the same rows of weights. Bank FirstBank + p holds
// the shift of gz in lane p, which takes in the power of two of that column's weights.
//
// With weights of 8 bits, two inputs share their DSP slices, and gz has its upper 12 bits only.
module dp_layer_back
  import dp_types_pkg::*;
#(
  parameter int unsigned Inputs = 8,    // as in dp_layer: what comes out here
  parameter int unsigned InLanes = 2,
  parameter int unsigned Outputs = 8,
  parameter int unsigned OutLanes = 2,
  parameter int unsigned Types = 1,
  parameter bit Resnet = 1'b0,
  parameter int unsigned WeightBits = WeightW,
  parameter int unsigned Block = 11,
  parameter int unsigned FirstBank = 0,
  localparam int unsigned InBeats = (Inputs + InLanes - 1) / InLanes,
  localparam int unsigned InW = InBeats * InLanes,
  localparam int unsigned OutBeats = (Outputs + OutLanes - 1) / OutLanes,
  localparam int unsigned Rows = Types * OutBeats,
  localparam int unsigned AddrW = index_bits(Rows)
) (
  input  logic                                     clk_i,
  input  logic                                     rst_ni,
  input  cfg_t                                     cfg_i,
  input  logic [ShiftW-1:0]                        shift_i,
  input  logic                                     g_valid_i,
  output logic                                     g_ready_o,
  input  logic                                     g_last_i,
  input  logic [TypeW-1:0]                         g_ti_i,
  input  logic [OutLanes-1:0][DataW-1:0]           g_g_i,
  input  logic                                     d_valid_i,
  output logic                                     d_ready_o,
  input  logic [OutLanes-1:0][RowW-1:0]            d_d_i,  // the slopes of dp_act
  output logic                                     re_o,
  output logic [AddrW-1:0]                         row_o,
  input  logic [OutLanes-1:0][InW-1:0][WeightBits-1:0] weight_i,
  output logic                                     valid_o,
  input  logic                                     ready_i,
  output logic                                     last_o,
  output logic [TypeW-1:0]                         ti_o,
  output logic [InLanes-1:0][DataW-1:0]            g_o,
  output logic                                     saturated_o
);
  localparam int unsigned OutBeatW = index_bits(OutBeats);
  localparam int unsigned InBeatW = index_bits(InBeats);
  localparam int unsigned SlopeProductW = DataW + RowW;
  localparam bit Packed = WeightBits == PackedW;
  localparam int unsigned Cut = Packed ? DataW - PackedDataW : 0;
  localparam int unsigned GzW = DataW - Cut;  // of gz
  localparam int unsigned ProductW = Packed ? PackedShift : DataW + WeightW;

  // ---- registers: g slope; rounded and weights read; products; sums
  logic en, accept, kept_ready, full_q, take;
  logic [OutBeatW-1:0] beat_q;
  logic [3:0] valid_q, last_q;
  logic [2:0] first_q;
  logic [TypeW-1:0] ti_q[4];
  logic [AddrW-1:0] row, row1_q;
  logic signed [GzW-1:0] gz_q[OutLanes];
  logic signed [ProductW-1:0] product[OutLanes][InW];
  logic signed [SumW-1:0] sum_q[InW];
  logic [OutLanes-1:0] sat_gz, sat_gz_q;

  assign en = !full_q || take;
  assign accept = g_valid_i && d_valid_i && kept_ready && en;
  assign g_ready_o = d_valid_i && kept_ready && en;
  assign d_ready_o = g_valid_i && kept_ready && en;
  assign row = AddrW'(32'(g_ti_i) * OutBeats + 32'(beat_q));
  assign re_o = en;
  assign row_o = row1_q;
  assign full_q = valid_q[3] && last_q[3];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q <= '0;
      valid_q <= '0;
    end else if (en) begin
      if (accept) beat_q <= g_last_i ? '0 : beat_q + 1;
      valid_q <= {valid_q[2:0], accept};
    end
  end

  for (genvar p = 0; p < int'(OutLanes); p++) begin : gen_lane
    logic [ShiftW-1:0] shift;
    logic signed [SlopeProductW-1:0] slope_product_q;
    logic signed [GzW-1:0] gz;

    dp_cfg_ram #(.Width(ShiftW), .Rows(Rows), .Block(Block), .Bank(FirstBank + p)) u_shift (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(row), .data_o(shift)
    );
    dp_round_by #(.InW(SlopeProductW), .ShiftW(ShiftW), .OutW(GzW)) u_round (
      .x_i(slope_product_q), .shift_i(shift + ShiftW'(Cut)), .y_o(gz), .sat_o(sat_gz[p])
    );
    always_ff @(posedge clk_i) begin
      if (en) begin
        slope_product_q <= $signed(g_g_i[p]) * $signed(d_d_i[p]);
        gz_q[p] <= gz;
      end
    end

    if (Packed) begin : gen_packed
      localparam int unsigned Pairs = (InW + 1) / 2;
      logic [2*Pairs-1:0][PackedW-1:0] w;
      logic [1:0][Pairs-1:0][PackedW-1:0] half;
      logic [1:0][Pairs-1:0][PackedShift-1:0] y;
      assign w = (2 * Pairs * PackedW)'(weight_i[p]);
      for (genvar i = 0; i < int'(Pairs); i++) begin : gen_half
        assign half[0][i] = w[2*i];
        assign half[1][i] = w[2*i+1];
      end
      dp_mul_pair #(.N(Pairs)) u_product (
        .clk_i, .en_i(en), .w0_i(half[0]), .w1_i(half[1]), .x_i({Pairs{gz_q[p]}}),
        .y0_o(y[0]), .y1_o(y[1])
      );
      for (genvar i = 0; i < int'(InW); i++) begin : gen_product
        assign product[p][i] = y[i%2][i/2];
      end
      if (InW % 2 == 1) begin : gen_unused
        logic unused_product;
        assign unused_product = ^y[1][Pairs-1];
      end
    end else begin : gen_whole
      logic signed [ProductW-1:0] product_q[InW];
      always_ff @(posedge clk_i) begin
        if (en) begin
          for (int i = 0; i < int'(InW); i++) begin
            product_q[i] <= ProductW'(gz_q[p]) * ProductW'($signed(weight_i[p][i]));
          end
        end
      end
      assign product[p] = product_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (en) begin
      row1_q <= row;
      last_q <= {last_q[2:0], g_last_i};
      first_q <= {first_q[1:0], beat_q == 0};
      ti_q[0] <= g_ti_i;
      for (int s = 1; s < 4; s++) ti_q[s] <= ti_q[s-1];
      sat_gz_q <= sat_gz & {OutLanes{valid_q[0]}};
      if (valid_q[2]) begin
        for (int i = 0; i < int'(InW); i++) begin
          automatic logic signed [SumW-1:0] sum = first_q[2] ? '0 : sum_q[i];
          for (int p = 0; p < int'(OutLanes); p++) sum = sum + (SumW'(product[p][i]) <<< Cut);
          sum_q[i] <= sum;
        end
      end
    end
  end

  // ---- the finished sums leave InLanes in a cycle: rounded; g added
  logic busy_q, step, at_end, out_ready, drain_ready, en_out, valid_out, slice_ready;
  logic saturated_q, kept_valid;
  logic [InBeatW-1:0] in_beat_q;
  logic signed [SumW-1:0] done_q[InBeats][InLanes];
  logic [TypeW-1:0] done_ti_q;
  logic [TypeW:0] meta;
  logic [InLanes-1:0] sat_q;
  logic [InLanes-1:0][DataW-1:0] kept, g_q;

  assign at_end = 32'(in_beat_q) == InBeats - 1;
  assign step = busy_q && out_ready;
  assign take = full_q && (!busy_q || (step && at_end));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) busy_q <= 1'b0;
    else if (take) busy_q <= 1'b1;
    else if (step && at_end) busy_q <= 1'b0;
    if (take) begin
      in_beat_q <= '0;
      done_ti_q <= ti_q[3];
      for (int b = 0; b < int'(InBeats); b++) begin
        for (int p = 0; p < int'(InLanes); p++) done_q[b][p] <= sum_q[b*int'(InLanes)+p];
      end
    end else if (step) begin
      in_beat_q <= in_beat_q + 1;
      for (int b = 1; b < int'(InBeats); b++) done_q[b-1] <= done_q[b];
    end
  end

  dp_valid #(.Stages(2)) u_valid (
    .clk_i, .rst_ni, .valid_i(busy_q && kept_valid), .ready_o(drain_ready), .en_o(en_out),
    .valid_o(valid_out), .ready_i(slice_ready)
  );
  assign out_ready = drain_ready && kept_valid;
  dp_delay #(.Width(1 + TypeW), .Stages(2)) u_meta (
    .clk_i, .en_i(en_out), .data_i({at_end, done_ti_q}), .data_o(meta)
  );

  if (Resnet) begin : gen_kept
    // what is added comes in step with what leaves, an atom or two later
    dp_fifo #(.Width(OutLanes * DataW), .Depth(4 * OutBeats)) u_kept (
      .clk_i, .rst_ni, .valid_i(accept), .ready_o(kept_ready), .data_i(g_g_i),
      .valid_o(kept_valid), .ready_i(step), .data_o(kept)
    );
  end else begin : gen_plain
    assign kept_ready = 1'b1;
    assign kept_valid = 1'b1;
    assign kept = '0;
  end

  for (genvar p = 0; p < int'(InLanes); p++) begin : gen_out
    logic signed [DataW-1:0] rounded, rounded_q, sum;
    logic [DataW-1:0] kept_q;
    logic signed [DataW:0] both;
    logic sat, sat_sum, sat_round_q;

    dp_round_by #(.InW(SumW), .ShiftW(ShiftW), .OutW(DataW)) u_round (
      .x_i(done_q[0][p]), .shift_i, .y_o(rounded), .sat_o(sat)
    );
    assign both = (DataW + 1)'(rounded_q) + (DataW + 1)'($signed(kept_q));
    dp_round #(.InW(DataW + 1), .Shift(0), .OutW(DataW)) u_sum (
      .x_i(both), .y_o(sum), .sat_o(sat_sum)
    );
    always_ff @(posedge clk_i) begin
      if (en_out) begin
        rounded_q <= rounded;
        kept_q <= kept[p];
        sat_round_q <= sat;
        g_q[p] <= sum;
        sat_q[p] <= sat_sum || sat_round_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    saturated_q <= (en && (|sat_gz_q)) || (en_out && valid_out && (|sat_q));
  end
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(1 + TypeW + InLanes * DataW)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_out), .ready_o(slice_ready), .data_i({meta, g_q}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, g_o})
  );
endmodule
