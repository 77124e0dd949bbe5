// Coordinates and types of the atoms on the chip; gathers those of a beat's centre and neighbours.
//
// One copy for each port that reads, so that new coordinates may arrive at any time.
module dp_coords
  import dp_types_pkg::*;
#(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Atoms = 512,
  parameter string Style = "block",
  localparam int unsigned AddrW = index_bits(Atoms)
) (
  input  logic                               clk_i,
  input  logic                               rst_ni,
  input  logic                               we_i,
  input  logic [AddrW-1:0]                   waddr_i,
  input  logic [TypeW-1:0]                   type_i,
  input  logic [2:0][CoordW-1:0]             coord_i,
  input  logic                               valid_i,
  output logic                               ready_o,
  input  logic                               last_i,
  input  logic [IndexW-1:0]                  center_i,
  input  logic [Lanes-1:0]                   mask_i,
  input  logic [Lanes-1:0][IndexW-1:0]       index_i,
  output logic                               valid_o,
  input  logic                               ready_i,
  output beat_t                              beat_o,
  output logic [2:0][CoordW-1:0]             center_o,
  output logic [Lanes-1:0]                   mask_o,
  output logic [Lanes-1:0][IndexW-1:0]       index_o,
  output logic [Lanes-1:0][2:0][CoordW-1:0]  neighbor_o
);
  localparam int unsigned AtomW = TypeW + 3 * CoordW;
  localparam int unsigned MetaW = 1 + IndexW + Lanes * (1 + IndexW);
  localparam int unsigned OutBits = $bits(beat_t) + 3 * CoordW
    + Lanes * (1 + IndexW + 3 * CoordW);

  logic en, valid_read, slice_ready, last;
  logic [IndexW-1:0] center_index;
  logic [Lanes-1:0] mask;
  logic [Lanes-1:0][IndexW-1:0] index;
  logic [2:0][CoordW-1:0] center;
  logic [Lanes-1:0][2:0][CoordW-1:0] neighbor;
  logic [TypeW-1:0] ti;
  logic [Lanes-1:0][TypeW-1:0] tj;
  beat_t beat;

  dp_valid #(.Stages(1)) u_valid (
    .clk_i, .rst_ni, .valid_i, .ready_o, .en_o(en), .valid_o(valid_read), .ready_i(slice_ready)
  );
  dp_delay #(.Width(MetaW), .Stages(1)) u_meta (
    .clk_i, .en_i(en), .data_i({last_i, center_i, mask_i, index_i}),
    .data_o({last, center_index, mask, index})
  );
  dp_ram #(.Width(AtomW), .Depth(Atoms), .Style(Style)) u_center (
    .clk_i, .we_i, .waddr_i, .wdata_i({type_i, coord_i}),
    .re_i(en), .raddr_i(AddrW'(center_i)), .rdata_o({ti, center})
  );
  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    dp_ram #(.Width(AtomW), .Depth(Atoms), .Style(Style)) u_neighbor (
      .clk_i, .we_i, .waddr_i, .wdata_i({type_i, coord_i}),
      .re_i(en), .raddr_i(AddrW'(index_i[l])), .rdata_o({tj[l], neighbor[l]})
    );
  end

  // all neighbours of a beat are of one type; the first lane is used whenever one is
  assign beat = '{last: last, ti: ti, tj: tj[0], center: center_index};
  if (Lanes > 1) begin : gen_unused
    logic unused_types;
    assign unused_types = ^tj[Lanes-1:1];
  end

  dp_reg_slice #(.Width(OutBits)) u_slice (
    .clk_i, .rst_ni, .valid_i(valid_read), .ready_o(slice_ready),
    .data_i({beat, center, mask, index, neighbor}),
    .valid_o, .ready_i, .data_o({beat_o, center_o, mask_o, index_o, neighbor_o})
  );
endmodule
