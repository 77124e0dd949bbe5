// First in, first out: Depth words in a memory, one more in the output register.
module dp_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,
  parameter string Style = "distributed"
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1;
  localparam logic [AddrW-1:0] End = AddrW'(Depth - 1);

  logic [AddrW-1:0] head_q, tail_q;
  logic [AddrW:0] count_q;
  logic valid_q, push, pop;

  assign ready_o = count_q != (AddrW + 1)'(Depth);
  assign push = valid_i && ready_o;
  assign pop = count_q != 0 && (ready_i || !valid_q);
  assign valid_o = valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= '0;
      tail_q <= '0;
      count_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (push) tail_q <= tail_q == End ? '0 : tail_q + 1;
      if (pop) head_q <= head_q == End ? '0 : head_q + 1;
      count_q <= count_q + (AddrW + 1)'(push) - (AddrW + 1)'(pop);
      if (ready_i || !valid_q) valid_q <= pop;
    end
  end

  dp_ram #(.Width(Width), .Depth(Depth), .Style(Style)) u_words (
    .clk_i,
    .we_i(push), .waddr_i(tail_q), .wdata_i(data_i),
    .re_i(pop), .raddr_i(head_q), .rdata_o(data_o)
  );
  dp_stream_check #(Width) u_check (
    .clk_i, .rst_ni, .valid_i(valid_o), .ready_i, .data_i(data_o)
  );
endmodule
