// Where u = |r|^2 lies in the pair table: octave by its leading one, row and distance below that.
//
// Two registers, both halves combinational in between: u -> octave -> row and t.
module dp_locate #(
  parameter int unsigned TW = 17,       // bits of the distance in a row
  parameter int unsigned RowBits = 6,   // rows of an octave: 2^RowBits
  parameter int unsigned Octaves = 8,
  localparam int unsigned UW = RowBits + TW + Octaves - 1,
  localparam int unsigned OctaveW = $clog2(Octaves),
  localparam int unsigned RowW = OctaveW + RowBits
) (
  input  logic               clk_i,
  input  logic               en_i,
  input  logic [UW-1:0]      u_i,
  output logic [RowW-1:0]    row_o,
  output logic [TW-1:0]      t_o,
  output logic [OctaveW-1:0] k_o  // octaves are 2^k as wide as the first
);
  localparam int unsigned Below = RowBits + TW;

  logic [UW-1:0] u_q;
  logic [OctaveW-1:0] octave, octave_q, k, k_q;
  logic [Below-1:0] v;
  logic [RowW-1:0] row_q;
  logic [TW-1:0] t_q;

  always_comb begin
    octave = '0;
    for (int o = 1; o < int'(Octaves); o++) if (u_i[Below+o-1]) octave = OctaveW'(o);
    k = octave_q == 0 ? '0 : octave_q - 1;
    v = Below'(u_q >> k);
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      u_q <= u_i;
      octave_q <= octave;
      row_q <= {octave_q, v[Below-1:TW]};
      t_q <= v[TW-1:0];
      k_q <= k;
    end
  end
  assign row_o = row_q;
  assign t_o = t_q;
  assign k_o = k_q;
endmodule
