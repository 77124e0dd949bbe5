// Tables of cubics: for each lane a row and a place in it give value and slope of every channel.
//
// Two lanes share the two ports of one copy of the table. Bank 4*channel + degree holds the
// coefficients of that degree.
module dp_cubic #(
  parameter int unsigned Lanes = 1,
  parameter int unsigned Channels = 2,
  parameter int unsigned Rows = 512,
  parameter int unsigned CoefW = 27,
  parameter int unsigned FracW = 16,
  parameter int unsigned Shift3 = 16,
  parameter int unsigned Shift2 = 16,
  parameter int unsigned Shift1 = 16,
  parameter int unsigned MetaW = 1,  // what travels along
  parameter int unsigned Block = 0,
  parameter string Style = "block",
  localparam int unsigned RowW = $clog2(Rows)
) (
  input  logic                                     clk_i,
  input  logic                                     rst_ni,
  input  dp_types_pkg::cfg_t                       cfg_i,
  input  logic                                     valid_i,
  output logic                                     ready_o,
  input  logic [Lanes-1:0][RowW-1:0]               row_i,
  input  logic [Lanes-1:0][FracW-1:0]              dx_i,
  input  logic [MetaW-1:0]                         meta_i,
  output logic                                     valid_o,
  input  logic                                     ready_i,
  output logic [Lanes-1:0][Channels-1:0][CoefW-1:0] value_o,
  output logic [Lanes-1:0][Channels-1:0][CoefW-1:0] slope_o,
  output logic [MetaW-1:0]                         meta_o
);
  localparam int unsigned Copies = (Lanes + 1) / 2;
  localparam int unsigned Stages = 8;  // memory, its register, six of dp_cubic_step

  logic en;
  logic [4*Channels-1:0] cfg_we;
  logic [RowW-1:0] cfg_row;
  logic [CoefW-1:0] cfg_data;
  logic [Lanes-1:0][FracW-1:0] dx;

  dp_cfg_port #(.Block(Block), .Banks(4 * Channels), .Rows(Rows), .Width(CoefW)) u_cfg (
    .clk_i, .rst_ni, .cfg_i, .we_o(cfg_we), .row_o(cfg_row), .data_o(cfg_data)
  );
  dp_valid #(.Stages(Stages)) u_valid (
    .clk_i, .rst_ni, .valid_i, .ready_o, .en_o(en), .valid_o, .ready_i
  );
  dp_delay #(.Width(MetaW), .Stages(Stages)) u_meta (
    .clk_i, .en_i(en), .data_i(meta_i), .data_o(meta_o)
  );
  dp_delay #(.Width(Lanes * FracW), .Stages(2)) u_dx (
    .clk_i, .en_i(en), .data_i(dx_i), .data_o(dx)
  );

  for (genvar k = 0; k < int'(Copies); k++) begin : gen_copy
    // the last copy of an odd number of lanes serves only one
    localparam int unsigned Here = 2 * k + 1 < int'(Lanes) ? 2 : 1;

    for (genvar m = 0; m < int'(Channels); m++) begin : gen_channel
      logic [Here-1:0][3:0][CoefW-1:0] coef, coef_q;

      for (genvar d = 0; d < 4; d++) begin : gen_degree
        if (Here == 2) begin : gen_two
          dp_ram_2r #(.Width(CoefW), .Depth(Rows), .Style(Style)) u_coef (
            .clk_i,
            .we_i(cfg_we[4*m+d]), .waddr_i(cfg_row), .wdata_i(cfg_data),
            .a_re_i(en), .a_addr_i(row_i[2*k]), .a_data_o(coef[0][d]),
            .b_re_i(en), .b_addr_i(row_i[2*k+1]), .b_data_o(coef[1][d])
          );
        end else begin : gen_one
          dp_ram #(.Width(CoefW), .Depth(Rows), .Style(Style)) u_coef (
            .clk_i,
            .we_i(cfg_we[4*m+d]), .waddr_i(cfg_row), .wdata_i(cfg_data),
            .re_i(en), .raddr_i(row_i[2*k]), .rdata_o(coef[0][d])
          );
        end
      end

      always_ff @(posedge clk_i) if (en) coef_q <= coef;

      for (genvar l = 0; l < int'(Here); l++) begin : gen_lane
        dp_cubic_step #(
          .CoefW(CoefW), .FracW(FracW), .Shift3(Shift3), .Shift2(Shift2), .Shift1(Shift1)
        ) u_step (
          .clk_i, .en_i(en),
          .c3_i(coef_q[l][3]), .c2_i(coef_q[l][2]), .c1_i(coef_q[l][1]), .c0_i(coef_q[l][0]),
          .dx_i(dx[2*k+l]), .value_o(value_o[2*k+l][m]), .slope_o(slope_o[2*k+l][m])
        );
      end
    end
  end
endmodule
