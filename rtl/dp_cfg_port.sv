// One module's end of the bus that loads the model: takes the words of its block.
module dp_cfg_port #(
  parameter int unsigned Block = 0,
  parameter int unsigned FirstBank = 0,
  parameter int unsigned Banks = 1,
  parameter int unsigned Rows = 512,
  parameter int unsigned Width = 36,
  localparam int unsigned RowW = Rows > 1 ? $clog2(Rows) : 1
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  dp_types_pkg::cfg_t cfg_i,
  output logic [Banks-1:0]   we_o,  // one for each bank
  output logic [RowW-1:0]    row_o,
  output logic [Width-1:0]   data_o
);
  dp_types_pkg::cfg_t word_q;
  logic mine;

  always_ff @(posedge clk_i) begin
    word_q <= cfg_i;
    if (!rst_ni) word_q.we <= 1'b0;
  end

  // a row or value that does not fit is not written
  assign mine = word_q.we && word_q.block == 5'(Block) && 32'(word_q.row) < Rows
    && (word_q.data >> Width) == 0;
  assign row_o = RowW'(word_q.row);
  assign data_o = Width'(word_q.data);
  for (genvar b = 0; b < int'(Banks); b++) begin : gen_bank
    assign we_o[b] = mine && word_q.bank == 10'(int'(FirstBank) + b);
  end
endmodule
