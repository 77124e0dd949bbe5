// X = sum over neighbours of R^T G, one column after the other.
//
// Sums are exact, so that the order of neighbours does not show. Row 0 starts at the model's
// value and loses what the slot of each neighbour would have added had it been empty. With Split,
// neighbours of type t add to columns t M to (t + 1) M only.
module dp_contract
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Columns = 4,
  parameter int unsigned Types = 1,
  parameter bit Split = 1'b0,
  parameter int unsigned MaxNeighbors = 128,
  parameter int unsigned Block = 2,
  localparam int unsigned Blocks = Split ? Types : 1,
  localparam int unsigned Width = Columns * Blocks
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,
  input  cfg_t                                    cfg_i,
  input  logic [ShiftW-1:0]                       x_shift_i,
  input  logic                                    valid_i,
  output logic                                    ready_o,
  input  beat_t                                   beat_i,
  input  logic [Lanes-1:0]                        mask_i,
  input  logic [Lanes-1:0][3:0][DataW-1:0]        row_i,
  input  logic [Lanes-1:0][Columns-1:0][RowW-1:0] g_i,
  output logic                                    valid_o,
  input  logic                                    ready_i,
  output logic                                    last_o,   // of the columns of one atom
  output logic [TypeW-1:0]                        ti_o,
  output logic [IndexW-1:0]                       center_o,
  output logic [3:0][XW-1:0]                      x_o,
  output logic                                    crowded_o,  // an atom had too many neighbours
  output logic                                    saturated_o
);
  localparam int unsigned CountW = $clog2(MaxNeighbors + 1) + 1;  // signed
  localparam int unsigned TotalW = $clog2(MaxNeighbors + Lanes + 1);
  localparam int unsigned ProductW = DataW + RowW;
  localparam int unsigned ColumnW = index_bits(Width);
  localparam int unsigned Pads = Split ? 1 : Types;
  localparam int unsigned PadRows = Types * Width;
  localparam int unsigned PadRowW = index_bits(PadRows);

  // ---- products, then sums over lanes and neighbours
  logic en, product_valid_q, first_q, full_q, take;
  beat_t beat_q;
  logic [TypeW-1:0] full_ti_q;
  logic [IndexW-1:0] full_center_q;
  logic [Lanes-1:0] mask_q;
  logic signed [ProductW-1:0] product_q[Lanes][4][Columns];
  logic signed [SumW-1:0] sum_q[Blocks][4][Columns];
  logic signed [CountW-1:0] count_q[Types];
  logic signed [CountW-1:0] here;
  logic [TotalW-1:0] total_q, total;
  logic crowded_q, too_many;

  assign en = !full_q || take;
  assign ready_o = en;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      product_valid_q <= 1'b0;
      first_q <= 1'b1;
      full_q <= 1'b0;
    end else if (en) begin
      product_valid_q <= valid_i;
      full_q <= product_valid_q && beat_q.last;
      if (product_valid_q) first_q <= beat_q.last;
    end
  end

  always_comb begin
    here = '0;
    for (int l = 0; l < int'(Lanes); l++) here = here + CountW'(mask_q[l]);
  end

  always_ff @(posedge clk_i) begin
    if (en) begin
      beat_q <= beat_i;
      mask_q <= mask_i;
      for (int l = 0; l < int'(Lanes); l++) begin
        for (int c = 0; c < 4; c++) begin
          for (int m = 0; m < int'(Columns); m++) begin
            product_q[l][c][m] <= mask_i[l]
              ? ProductW'($signed(row_i[l][c])) * ProductW'($signed(g_i[l][m])) : '0;
          end
        end
      end
    end
    if (en && product_valid_q) begin
      full_ti_q <= beat_q.ti;
      full_center_q <= beat_q.center;
      for (int b = 0; b < int'(Blocks); b++) begin
        for (int c = 0; c < 4; c++) begin
          for (int m = 0; m < int'(Columns); m++) begin
            automatic logic signed [SumW-1:0] sum = first_q ? '0 : sum_q[b][c][m];
            if (!Split || 32'(beat_q.tj) == b) begin
              for (int l = 0; l < int'(Lanes); l++) sum = sum + SumW'(product_q[l][c][m]);
            end
            sum_q[b][c][m] <= sum;
          end
        end
      end
      for (int t = 0; t < int'(Types); t++) begin
        count_q[t] <= (first_q ? '0 : count_q[t]) + (32'(beat_q.tj) == t ? here : '0);
      end
    end
  end

  // ---- neighbours of all types: sums are proved for MaxNeighbors. Once beyond, the count rests
  assign too_many = 32'(total) > MaxNeighbors || (!first_q && crowded_q);
  assign crowded_o = en && product_valid_q && beat_q.last && too_many;
  always_comb begin
    total = first_q ? '0 : total_q;
    for (int l = 0; l < int'(Lanes); l++) total = total + TotalW'(mask_q[l]);
  end
  always_ff @(posedge clk_i) begin
    if (en && product_valid_q) begin
      total_q <= too_many ? '0 : total;
      crowded_q <= too_many;
    end
  end

  // ---- the finished sums move to registers of their own and leave column by column
  logic busy_q, step, out_ready, en_out, rounded_valid, slice_ready;
  logic [ColumnW-1:0] column_q, in_block_q;
  logic [TypeW-1:0] block_q, ti_q;
  logic [IndexW-1:0] center_q;
  logic signed [SumW-1:0] done_q[Width][4];
  logic signed [CountW-1:0] done_count_q[Types];
  logic at_end;

  assign at_end = 32'(column_q) == Width - 1;
  assign step = busy_q && out_ready;
  assign take = full_q && (!busy_q || (step && at_end));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) busy_q <= 1'b0;
    else if (take) busy_q <= 1'b1;
    else if (step && at_end) busy_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      ti_q <= full_ti_q;
      center_q <= full_center_q;
      done_count_q <= count_q;
      column_q <= '0;
      in_block_q <= '0;
      block_q <= '0;
      for (int b = 0; b < int'(Blocks); b++) begin
        for (int m = 0; m < int'(Columns); m++) begin
          for (int c = 0; c < 4; c++) done_q[b*int'(Columns)+m][c] <= sum_q[b][c][m];
        end
      end
    end else if (step) begin
      column_q <= column_q + 1;
      in_block_q <= 32'(in_block_q) == Columns - 1 ? '0 : in_block_q + 1;
      if (32'(in_block_q) == Columns - 1) block_q <= block_q + 1;
      for (int w = 1; w < int'(Width); w++) done_q[w-1] <= done_q[w];
    end
  end

  // ---- registers: start and pads read; times counts; summed; rounded
  localparam int unsigned MetaW = 1 + TypeW + IndexW;
  logic [PadRowW-1:0] pad_row;
  logic signed [SumW-1:0] start, start2_q;
  logic signed [SumW-1:0] x_q[3][4];
  logic signed [SumW-1:0] pad_sum;
  logic signed [SumW-1:0] pads_q[Pads];
  logic signed [CountW-1:0] pad_count_q[Pads];
  logic [MetaW-1:0] meta;
  logic [3:0][XW-1:0] rounded;
  logic [3:0] sat;
  logic saturated_q;
  logic [Pads-1:0][SumW-1:0] pad;

  assign pad_row = PadRowW'(32'(ti_q) * Width + 32'(column_q));

  dp_valid #(.Stages(3)) u_valid (
    .clk_i, .rst_ni, .valid_i(busy_q), .ready_o(out_ready), .en_o(en_out), .valid_o(rounded_valid),
    .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(3)) u_meta (
    .clk_i, .en_i(en_out), .data_i({at_end, ti_q, center_q}), .data_o(meta)
  );
  dp_cfg_ram #(.Width(SumW), .Rows(PadRows), .Block(Block), .Bank(0)) u_start (
    .clk_i, .rst_ni, .cfg_i, .re_i(en_out), .row_i(pad_row), .data_o(start)
  );
  for (genvar p = 0; p < int'(Pads); p++) begin : gen_pad
    dp_cfg_ram #(.Width(SumW), .Rows(PadRows), .Block(Block), .Bank(2 + 2 * p)) u_pad (
      .clk_i, .rst_ni, .cfg_i, .re_i(en_out), .row_i(pad_row), .data_o(pad[p])
    );
    always_ff @(posedge clk_i) begin
      if (en_out) begin
        pad_count_q[p] <= done_count_q[Split ? index_bits(Types)'(block_q) : index_bits(Types)'(p)];
        pads_q[p] <= SumW'($signed(pad[p])) * SumW'(pad_count_q[p]);
      end
    end
  end

  always_comb begin
    pad_sum = '0;
    for (int p = 0; p < int'(Pads); p++) pad_sum = pad_sum + pads_q[p];
  end

  always_ff @(posedge clk_i) begin
    if (en_out) begin
      start2_q <= start;
      x_q[0] <= done_q[0];
      x_q[1] <= x_q[0];
      x_q[2] <= x_q[1];
      x_q[2][0] <= x_q[1][0] + start2_q - pad_sum;
    end
    saturated_q <= en_out && rounded_valid && (|sat);
  end
  assign saturated_o = saturated_q;

  for (genvar c = 0; c < 4; c++) begin : gen_round
    dp_round_by #(.InW(SumW), .ShiftW(ShiftW), .OutW(XW)) u_round (
      .x_i(x_q[2][c]), .shift_i(x_shift_i), .y_o(rounded[c]), .sat_o(sat[c])
    );
  end

  dp_reg_slice #(.Width(MetaW + 4 * XW)) u_slice (
    .clk_i, .rst_ni, .valid_i(rounded_valid), .ready_o(slice_ready), .data_i({meta, rounded}),
    .valid_o, .ready_i, .data_o({last_o, ti_o, center_o, x_o})
  );
endmodule
