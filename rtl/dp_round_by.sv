// As dp_round, by a shift that is known only at run time.
module dp_round_by #(
  parameter int unsigned InW = 48,
  parameter int unsigned ShiftW = 6,
  parameter int unsigned OutW = 27
) (
  input  logic signed [InW-1:0]    x_i,
  input  logic        [ShiftW-1:0] shift_i,
  output logic signed [OutW-1:0]   y_o,
  output logic                     sat_o
);
  localparam int unsigned Wide = 3 + (InW > OutW ? InW : OutW);
  localparam logic signed [Wide-1:0] Top = (Wide'(1) << (OutW - 1)) - 1;

  logic signed [Wide-1:0] halves, shifted;

  always_comb begin
    // in halves of the last place: (2x >> shift, plus one) >> 1
    halves = (Wide'(x_i) <<< 1) >>> shift_i;
    shifted = (halves + 1) >>> 1;
    sat_o = shifted > Top || shifted < -Top - 1;
    y_o = sat_o ? {shifted[Wide-1], {(OutW - 1) {!shifted[Wide-1]}}} : OutW'(shifted);
  end
endmodule
