// Forces of atoms: dE/dr subtracted from the neighbours, a bank for each lane, added to the centre.
//
// Taken out in order of atoms, added over the banks, and cleared.
module dp_forces
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Atoms = 512,
  parameter string Style = "block",
  localparam int unsigned AddrW = index_bits(Atoms)
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,
  input  logic                             valid_i,   // always taken
  input  beat_t                            beat_i,
  input  logic [Lanes-1:0]                 mask_i,
  input  logic [Lanes-1:0][IndexW-1:0]     index_i,
  input  logic [Lanes-1:0][2:0][OutW-1:0]  force_i,
  input  logic                             take_i,    // never with valid_i
  input  logic [AddrW-1:0]                 take_addr_i,
  output logic                             valid_o,
  output logic [2:0][OutW-1:0]             force_o,
  output logic                             saturated_o
);
  localparam int unsigned TotalW = ForceW + $clog2(Lanes + 1) + 1;

  // ---- the sum over a centre's neighbours
  logic center_valid_q, first_q;
  logic [AddrW-1:0] center_q;
  logic [2:0][ForceW-1:0] center_sum, center_sum_q;
  logic unused_beat;

  assign unused_beat = ^{beat_i.ti, beat_i.tj, beat_i.center};
  always_comb begin
    for (int k = 0; k < 3; k++) begin
      center_sum[k] = first_q ? '0 : center_sum_q[k];
      for (int l = 0; l < int'(Lanes); l++) begin
        if (mask_i[l]) center_sum[k] = center_sum[k] + ForceW'($signed(force_i[l][k]));
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) first_q <= 1'b1;
    else if (valid_i) first_q <= beat_i.last;
    center_valid_q <= rst_ni && valid_i && beat_i.last;
    if (valid_i) begin
      center_q <= AddrW'(beat_i.center);
      center_sum_q <= center_sum;
    end
  end

  // ---- banks
  logic [Lanes:0] taken;
  logic [Lanes:0][2:0][ForceW-1:0] part;

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_bank
    logic [2:0][ForceW-1:0] x;
    for (genvar k = 0; k < 3; k++) begin : gen_axis
      assign x[k] = -ForceW'($signed(force_i[l][k]));
    end
    logic unused_index;
    assign unused_index = ^index_i[l];
    dp_accumulate #(.Words(3), .Width(ForceW), .Depth(Atoms), .Style(Style)) u_sums (
      .clk_i, .rst_ni, .valid_i(take_i || (valid_i && mask_i[l])), .take_i,
      .addr_i(take_i ? take_addr_i : AddrW'(index_i[l])), .x_i(x),
      .valid_o(taken[l]), .x_o(part[l])
    );
  end
  dp_accumulate #(.Words(3), .Width(ForceW), .Depth(Atoms), .Style(Style)) u_center (
    .clk_i, .rst_ni, .valid_i(take_i || center_valid_q), .take_i,
    .addr_i(take_i ? take_addr_i : center_q), .x_i(center_sum_q),
    .valid_o(taken[Lanes]), .x_o(part[Lanes])
  );

  // ---- out
  logic [2:0] sat;
  logic [2:0][OutW-1:0] rounded, force_q;
  logic valid_q, saturated_q;

  for (genvar k = 0; k < 3; k++) begin : gen_total
    logic signed [TotalW-1:0] total;
    always_comb begin
      total = '0;
      for (int l = 0; l <= int'(Lanes); l++) total = total + TotalW'($signed(part[l][k]));
    end
    dp_round #(.InW(TotalW), .Shift(0), .OutW(OutW)) u_fit (
      .x_i(total), .y_o(rounded[k]), .sat_o(sat[k])
    );
  end
  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni && (&taken);
    force_q <= rounded;
    saturated_q <= (&taken) && (|sat);
  end
  assign valid_o = valid_q;
  assign force_o = force_q;
  assign saturated_o = saturated_q;
endmodule
