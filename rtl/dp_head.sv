// The last layer, one output: the energy, and the adjoint of its inputs that starts the way back.
//
// Bank 2p holds the weights of lane p, bank 2p + 1 the adjoints; the two after them the bias.
module dp_head
  import dp_types_pkg::*;
#(
  parameter int unsigned Inputs = 8,
  parameter int unsigned Lanes = 2,
  parameter int unsigned Types = 1,
  parameter int unsigned Block = 6
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  cfg_t                        cfg_i,
  input  logic [ShiftW-1:0]           shift_i,
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic                        last_i,
  input  logic [TypeW-1:0]            ti_i,
  input  logic [Lanes-1:0][DataW-1:0] x_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic                        last_o,
  output logic [TypeW-1:0]            ti_o,
  output logic [Lanes-1:0][DataW-1:0] g_o,
  output logic [OutW-1:0]             energy_o,  // with the last word
  output logic                        saturated_o
);
  localparam int unsigned Beats = (Inputs + Lanes - 1) / Lanes;
  localparam int unsigned BeatW = index_bits(Beats);
  localparam int unsigned Rows = Types * Beats;
  localparam int unsigned RowAddrW = index_bits(Rows);
  localparam int unsigned TypeAddrW = index_bits(Types);
  localparam int unsigned MetaW = 1 + TypeW;
  localparam int unsigned ProductW = DataW + WeightW;

  logic en, valid_out, slice_ready, saturated_q, sat, first1_q, first2_q;
  logic [BeatW-1:0] beat_q;
  logic [RowAddrW-1:0] row;
  logic [MetaW-1:0] meta;
  logic [Lanes-1:0][DataW-1:0] x_q, back, back_out;
  logic signed [Lanes-1:0][ProductW-1:0] product_q;
  logic signed [SumW-1:0] sum_q, lanes, bias, bias2_q;
  logic [OutW-1:0] energy, energy_q;
  logic sat_q;

  assign row = RowAddrW'(32'(ti_i) * Beats + 32'(beat_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (valid_i && ready_o) beat_q <= last_i ? '0 : beat_q + 1;
  end

  // ---- registers: weights read; products; sum; rounded
  dp_valid #(.Stages(4)) u_valid (
    .clk_i, .rst_ni, .valid_i, .ready_o, .en_o(en), .valid_o(valid_out), .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(4)) u_meta (
    .clk_i, .en_i(en), .data_i({last_i, ti_i}), .data_o(meta)
  );
  dp_delay #(.Width(Lanes * DataW), .Stages(3)) u_back (
    .clk_i, .en_i(en), .data_i(back), .data_o(back_out)
  );
  dp_cfg_ram #(.Width(SumW), .Rows(Types), .Block(Block), .Bank(2 * Lanes)) u_bias (
    .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(TypeAddrW'(ti_i)), .data_o(bias)
  );
  for (genvar p = 0; p < int'(Lanes); p++) begin : gen_lane
    logic [WeightW-1:0] weight;
    dp_cfg_ram #(.Width(WeightW), .Rows(Rows), .Block(Block), .Bank(2 * p)) u_weight (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(row), .data_o(weight)
    );
    dp_cfg_ram #(.Width(DataW), .Rows(Rows), .Block(Block), .Bank(2 * p + 1)) u_adjoint (
      .clk_i, .rst_ni, .cfg_i, .re_i(en), .row_i(row), .data_o(back[p])
    );
    always_ff @(posedge clk_i) begin
      if (en) product_q[p] <= ProductW'($signed(x_q[p])) * ProductW'($signed(weight));
    end
  end
  dp_round_by #(.InW(SumW), .ShiftW(ShiftW), .OutW(OutW)) u_round (
    .x_i(sum_q), .shift_i, .y_o(energy), .sat_o(sat)
  );

  always_comb begin
    lanes = '0;
    for (int p = 0; p < int'(Lanes); p++) lanes = lanes + SumW'($signed(product_q[p]));
  end
  // which words of the pipeline are the first of an atom; the sum lives on in between
  logic [1:0] moved_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) moved_q <= '0;
    else if (en) moved_q <= {moved_q[0], valid_i};
    if (en) begin
      x_q <= x_i;
      first1_q <= beat_q == 0;
      first2_q <= first1_q;
      bias2_q <= bias;
      if (moved_q[1]) sum_q <= (first2_q ? bias2_q : sum_q) + lanes;
      energy_q <= energy;
      sat_q <= sat;
    end
    saturated_q <= en && valid_out && meta[MetaW-1] && sat_q;
  end
  assign saturated_o = saturated_q;

  dp_reg_slice #(.Width(MetaW + Lanes * DataW + OutW)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_out), .ready_o(slice_ready),
    .data_i({meta, back_out, energy_q}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, g_o, energy_o})
  );
endmodule
