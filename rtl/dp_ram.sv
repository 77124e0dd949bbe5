// A memory with one port to write and one to read; the word comes a cycle after its address.
module dp_ram #(
  parameter int unsigned Width = 36,
  parameter int unsigned Depth = 512,
  parameter string Style = "block",  // block, distributed or ultra
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             we_i,
  input  logic [AddrW-1:0] waddr_i,
  input  logic [Width-1:0] wdata_i,
  input  logic             re_i,
  input  logic [AddrW-1:0] raddr_i,
  output logic [Width-1:0] rdata_o
);
  if (Style != "block" && Style != "distributed" && Style != "ultra") begin : gen_style
    $error("Style is %s, but must be block, distributed or ultra", Style);
  end

  (* ram_style = Style *) logic [Width-1:0] words[Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) words[waddr_i] <= wdata_i;
    if (re_i) rdata_o <= words[raddr_i];
  end
endmodule
