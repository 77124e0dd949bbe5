// Number formats and types that do not depend on the model: docs/explain/fixed-point.md.
package dp_types_pkg;
  localparam int unsigned CoordW = 32;   // coordinates, 22 fraction bits
  localparam int unsigned RW = 27;       // r, 22 fraction bits
  localparam int unsigned CoefW = 27;    // coefficients and values of tables
  localparam int unsigned TW = 17;       // place in a row of a table, unsigned
  localparam int unsigned RowW = 18;     // G, R on the way back, slopes of activations
  localparam int unsigned XW = 27;       // X, its adjoint, all adjoints of neighbours
  localparam int unsigned DataW = 24;    // R, descriptor, activations and their adjoints
  localparam int unsigned WeightW = 18;
  localparam int unsigned PackedW = 8;       // weights of packed layers: see dp_mul_pair
  localparam int unsigned PackedDataW = 12;  // and what they are multiplied with
  localparam int unsigned PackedShift = 19;
  localparam int unsigned ZW = 26;       // what goes into an activation
  localparam int unsigned SumW = 48;     // exact sums
  localparam int unsigned OutW = 32;     // energy of an atom, force of a pair
  localparam int unsigned ForceW = 40;   // force of an atom, before it goes out
  localparam int unsigned VirialW = 64;
  localparam int unsigned ShiftW = 6;
  localparam int unsigned TypeW = 5;     // type of an atom
  localparam int unsigned IndexW = 16;   // number of an atom

  // One word of the model on its way into a memory.
  typedef struct packed {
    logic        we;
    logic [4:0]  block;  // which module
    logic [9:0]  bank;   // which of its memories
    logic [12:0] row;
    logic [35:0] data;
  } cfg_t;

  // What a beat of neighbours carries for its centre.
  typedef struct packed {
    logic              last;    // no more neighbours of this centre
    logic [TypeW-1:0]  ti;
    logic [TypeW-1:0]  tj;      // one type in a beat
    logic [IndexW-1:0] center;
  } beat_t;

  // Registers of a sum of n words, four at a time: see dp_sum.
  function automatic int unsigned sum_stages(int unsigned n);
    int unsigned stages = 1;
    for (int unsigned reach = 4; reach < n; reach = reach * 4) stages++;
    return stages;
  endfunction

  // Bits of an index below n.
  function automatic int unsigned index_bits(int unsigned n);
    return n > 1 ? $clog2(n) : 1;
  endfunction
endpackage
