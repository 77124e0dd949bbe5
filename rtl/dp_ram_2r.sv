// A memory of two ports: both read, the first also writes (when the model is loaded).
module dp_ram_2r #(
  parameter int unsigned Width = 36,
  parameter int unsigned Depth = 512,
  parameter string Style = "block",
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             we_i,
  input  logic [AddrW-1:0] waddr_i,
  input  logic [Width-1:0] wdata_i,
  input  logic             a_re_i,
  input  logic [AddrW-1:0] a_addr_i,
  output logic [Width-1:0] a_data_o,
  input  logic             b_re_i,
  input  logic [AddrW-1:0] b_addr_i,
  output logic [Width-1:0] b_data_o
);
  if (Style != "block" && Style != "distributed" && Style != "ultra") begin : gen_style
    $error("Style is %s, but must be block, distributed or ultra", Style);
  end

  (* ram_style = Style *) logic [Width-1:0] words[Depth];
  logic [AddrW-1:0] a_addr;

  assign a_addr = we_i ? waddr_i : a_addr_i;

  always_ff @(posedge clk_i) begin
    if (we_i) words[a_addr] <= wdata_i;
    else if (a_re_i) a_data_o <= words[a_addr];
  end

  always_ff @(posedge clk_i) if (b_re_i) b_data_o <= words[b_addr_i];
endmodule
