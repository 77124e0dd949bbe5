// Rounds to OutW bits: saturate((x + half) >> Shift). The only place with dp_round_by that narrows.
module dp_round #(
  parameter int unsigned InW = 48,
  parameter int unsigned Shift = 20,
  parameter int unsigned OutW = 27
) (
  input  logic signed [InW-1:0]  x_i,
  output logic signed [OutW-1:0] y_o,
  output logic                   sat_o  // the value did not fit
);
  // two bits above the larger of input and output, so that neither addition nor test overflows
  localparam int unsigned Wide = 2 + (InW > OutW + Shift ? InW : OutW + Shift);
  localparam logic signed [Wide-1:0] Half = (Shift == 0) ? '0 : Wide'(1) << ((Shift + 31) % 32);
  localparam logic signed [Wide-1:0] Top = (Wide'(1) << (OutW - 1)) - 1;

  logic signed [Wide-1:0] shifted;

  always_comb begin
    shifted = (Wide'(x_i) + Half) >>> Shift;
    sat_o = shifted > Top || shifted < -Top - 1;
    y_o = sat_o ? {shifted[Wide-1], {(OutW - 1) {!shifted[Wide-1]}}} : OutW'(shifted);
  end
endmodule
