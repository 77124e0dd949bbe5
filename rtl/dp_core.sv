// Everything but the buses: commands in, forces out. The shape comes from dp_model_pkg.
module dp_core
  import dp_types_pkg::*;
  import dp_model_pkg::*;
#(
  localparam int unsigned Counters = 32
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      s_valid_i,
  output logic                      s_ready_o,
  input  logic [127:0]              s_data_i,
  output logic                      m_valid_o,
  input  logic                      m_ready_i,
  output logic [127:0]              m_data_o,
  output logic                      m_last_o,
  input  logic                      clear_counters_i,
  output logic                      idle_o,
  output logic                      error_o,
  output logic [Counters-1:0][31:0] counter_o   // see dp_core_counters in the register map
);
  localparam int unsigned ListW = index_bits(ListWords);
  localparam int unsigned AtomW = index_bits(Atoms);
  localparam int unsigned OctaveW = $clog2(Octaves);
  localparam int unsigned UW = RowBits + TW + Octaves - 1;
  localparam int unsigned ColumnW = index_bits(Width);
  localparam int unsigned FlightW = $clog2(HistoryBeats + 64) + 1;

  // ---- commands and the model's registers
  cfg_t cfg;
  logic coord_we, list_we, start, playing, idle, take, taken, clear_virial;
  logic [AtomW-1:0] coord_addr, take_addr;
  logic [ListW-1:0] list_addr;
  logic [ListW:0] start_count;
  logic [127:0] word;
  logic [8:0][VirialW-1:0] virial;
  logic [2:0][OutW-1:0] taken_force;
  logic [OutW-1:0] taken_energy, taken_energy_q;
  logic [63:0][31:0] shift;
  logic [7:0] saturated, saturated_q;
  logic too_near, near_q, crowded, crowded_q;

  dp_command #(.Atoms(Atoms), .ListWords(ListWords)) u_command (
    .clk_i, .rst_ni, .s_valid_i, .s_ready_o, .s_data_i, .m_valid_o, .m_ready_i, .m_data_o,
    .m_last_o, .cfg_o(cfg), .coord_we_o(coord_we), .coord_addr_o(coord_addr), .word_o(word),
    .list_we_o(list_we), .list_addr_o(list_addr), .start_o(start), .start_count_o(start_count),
    .playing_i(playing), .idle_i(idle), .take_o(take), .take_addr_o(take_addr),
    .taken_i(taken), .taken_word_i({taken_energy_q, taken_force}), .virial_i(virial),
    .status_i({54'b0, crowded_q, near_q, saturated_q}), .clear_o(clear_virial), .error_o
  );
  dp_registers #(.Count(64), .Width(32), .Block(0)) u_registers (
    .clk_i, .rst_ni, .cfg_i(cfg), .value_o(shift)
  );

  // ---- neighbours
  logic list_valid, list_ready, list_last;
  logic [IndexW-1:0] list_center;
  logic [Lanes-1:0] list_mask;
  logic [Lanes-1:0][IndexW-1:0] list_index;

  dp_list #(.Lanes(Lanes), .Words(ListWords), .Style(AtomStyle)) u_list (
    .clk_i, .rst_ni, .we_i(list_we), .waddr_i(list_addr), .wdata_i(word),
    .start_i(start), .base_i(list_addr), .count_i(start_count), .busy_o(playing),
    .valid_o(list_valid), .ready_i(list_ready), .last_o(list_last), .center_o(list_center),
    .mask_o(list_mask), .index_o(list_index)
  );

  logic pair_valid, pair_ready;
  beat_t pair_beat;
  logic [2:0][CoordW-1:0] pair_center;
  logic [Lanes-1:0] pair_mask;
  logic [Lanes-1:0][IndexW-1:0] pair_index;
  logic [Lanes-1:0][2:0][CoordW-1:0] pair_neighbor;

  dp_coords #(.Lanes(Lanes), .Atoms(Atoms), .Style(AtomStyle)) u_coords (
    .clk_i, .rst_ni, .we_i(coord_we), .waddr_i(coord_addr),
    .type_i(word[96+:TypeW]), .coord_i(word[95:0]),
    .valid_i(list_valid), .ready_o(list_ready), .last_i(list_last), .center_i(list_center),
    .mask_i(list_mask), .index_i(list_index),
    .valid_o(pair_valid), .ready_i(pair_ready), .beat_o(pair_beat), .center_o(pair_center),
    .mask_o(pair_mask), .index_o(pair_index), .neighbor_o(pair_neighbor)
  );

  localparam int unsigned EnvW = $bits(beat_t) + Lanes * (1 + IndexW + 3 * RW + OctaveW
    + 3 * CoefW + 4 * DataW + Columns * (RowW + CoefW));
  logic env_valid, env_ready;
  logic [1:0] env_both, env_readies;
  beat_t env_beat;
  logic [Lanes-1:0] env_mask, env_near;
  logic [Lanes-1:0][IndexW-1:0] env_index;
  logic [Lanes-1:0][2:0][RW-1:0] env_r;
  logic [Lanes-1:0][OctaveW-1:0] env_octave;
  logic [Lanes-1:0][CoefW-1:0] env_h, env_s_slope, env_h_slope;
  logic [Lanes-1:0][3:0][DataW-1:0] env_row;
  logic [Lanes-1:0][Columns-1:0][RowW-1:0] env_g;
  logic [Lanes-1:0][Columns-1:0][CoefW-1:0] env_g_slope;

  dp_env #(
    .Lanes(Lanes), .Columns(Columns), .Types(Types), .RowBits(RowBits), .Octaves(Octaves),
    .Shift3(TableShift3), .Shift2(TableShift2), .Shift1(TableShift1),
    .GShift(GShift), .Block(1), .Style(TableStyle)
  ) u_env (
    .clk_i, .rst_ni, .cfg_i(cfg), .u_cut_i(shift[13][UW-1:0]), .u_min_i(shift[14][UW-1:0]),
    .s_shift_i(shift[0][ShiftW-1:0]), .h_shift_i(shift[1][ShiftW-1:0]),
    .valid_i(pair_valid), .ready_o(pair_ready), .beat_i(pair_beat), .center_i(pair_center),
    .mask_i(pair_mask), .index_i(pair_index), .neighbor_i(pair_neighbor),
    .valid_o(env_valid), .ready_i(env_ready), .beat_o(env_beat), .mask_o(env_mask),
    .near_o(env_near), .index_o(env_index), .r_o(env_r), .octave_o(env_octave), .h_o(env_h),
    .s_slope_o(env_s_slope), .h_slope_o(env_h_slope), .row_o(env_row), .g_o(env_g),
    .g_slope_o(env_g_slope), .saturated_o(saturated[0])
  );
  assign too_near = env_valid && env_ready && (|env_near);
  dp_fork u_env_fork (
    .clk_i, .rst_ni, .valid_i(env_valid), .ready_o(env_ready),
    .valid_o(env_both), .ready_i(env_readies)
  );

  // ---- kept for the way back
  logic kept_valid, kept_ready;
  beat_t kept_beat;
  logic [Lanes-1:0] kept_mask;
  logic [Lanes-1:0][IndexW-1:0] kept_index;
  logic [Lanes-1:0][2:0][RW-1:0] kept_r;
  logic [Lanes-1:0][OctaveW-1:0] kept_octave;
  logic [Lanes-1:0][CoefW-1:0] kept_h, kept_s_slope, kept_h_slope;
  logic [Lanes-1:0][3:0][DataW-1:0] kept_row;
  logic [Lanes-1:0][Columns-1:0][RowW-1:0] kept_g;
  logic [Lanes-1:0][Columns-1:0][CoefW-1:0] kept_g_slope;

  dp_fifo #(.Width(EnvW), .Depth(HistoryBeats), .Style("block")) u_history (
    .clk_i, .rst_ni, .valid_i(env_both[1]), .ready_o(env_readies[1]),
    .data_i({env_beat, env_mask, env_index, env_r, env_octave, env_h, env_s_slope, env_h_slope,
             env_row, env_g, env_g_slope}),
    .valid_o(kept_valid), .ready_i(kept_ready),
    .data_o({kept_beat, kept_mask, kept_index, kept_r, kept_octave, kept_h, kept_s_slope,
             kept_h_slope, kept_row, kept_g, kept_g_slope})
  );

  // ---- X, and copies of it for the way back; the centre's number for its energy
  logic x_valid, x_ready, x_last, xb_valid, xb_ready, xb_last;
  logic [1:0] x_both, x_readies;
  logic [TypeW-1:0] x_ti;
  logic [IndexW-1:0] x_center, energy_center;
  logic [3:0][XW-1:0] x, xb;
  logic centers_ready, center_valid, energy_valid;

  dp_contract #(
    .Lanes(Lanes), .Columns(Columns), .Types(Types), .Split(Split), .MaxNeighbors(MaxNeighbors),
    .Block(2)
  ) u_contract (
    .clk_i, .rst_ni, .cfg_i(cfg), .x_shift_i(shift[2][ShiftW-1:0]),
    .valid_i(env_both[0]), .ready_o(env_readies[0]), .beat_i(env_beat), .mask_i(env_mask),
    .row_i(env_row), .g_i(env_g),
    .valid_o(x_valid), .ready_i(x_ready && centers_ready), .last_o(x_last), .ti_o(x_ti),
    .center_o(x_center), .x_o(x), .crowded_o(crowded),
    .saturated_o(saturated[1])
  );
  dp_fork u_x_fork (
    .clk_i, .rst_ni, .valid_i(x_valid && centers_ready), .ready_o(x_ready),
    .valid_o(x_both), .ready_i(x_readies)
  );
  dp_fifo #(.Width(1 + 4 * XW), .Depth(AtomsInFlight * Width)) u_x (
    .clk_i, .rst_ni, .valid_i(x_both[1]), .ready_o(x_readies[1]), .data_i({x_last, x}),
    .valid_o(xb_valid), .ready_i(xb_ready), .data_o({xb_last, xb})
  );
  // as soon as the descriptor has the last column: the energy may come before the copy is stored
  dp_fifo #(.Width(IndexW), .Depth(2 * AtomsInFlight)) u_centers (
    .clk_i, .rst_ni, .valid_i(x_both[0] && x_readies[0] && x_last), .ready_o(centers_ready),
    .data_i(x_center), .valid_o(center_valid), .ready_i(energy_valid), .data_o(energy_center)
  );

  // ---- descriptor, fitting net, and back
  logic d_valid, d_ready, d_last, g_valid, g_ready, g_last, dx_valid, dx_ready, dx_last;
  logic [TypeW-1:0] d_ti;
  logic [ProductLanes-1:0][DataW-1:0] d, g;
  logic [OutW-1:0] energy;
  logic [BackLanes-1:0] dx_use;
  logic [BackLanes-1:0][ColumnW-1:0] dx_column;
  logic [BackLanes-1:0][3:0][XW-1:0] dx;
  logic [Layers-1:0][ShiftW-1:0] y_shift, slope_shift, back_shift;

  for (genvar l = 0; l < int'(Layers); l++) begin : gen_shifts
    assign y_shift[l] = shift[16+l][ShiftW-1:0];
    assign slope_shift[l] = shift[32+l][ShiftW-1:0];
    assign back_shift[l] = shift[48+l][ShiftW-1:0];
  end

  dp_products #(
    .Width(Width), .Products(Products), .Lanes(ProductLanes), .Block(3)
  ) u_products (
    .clk_i, .rst_ni, .cfg_i(cfg), .shift_i(shift[3][ShiftW-1:0]),
    .valid_i(x_both[0]), .ready_o(x_readies[0]), .last_i(x_last), .ti_i(x_ti), .x_i(x),
    .valid_o(d_valid), .ready_i(d_ready), .last_o(d_last), .ti_o(d_ti), .d_o(d),
    .saturated_o(saturated[2])
  );
  dp_fit u_fit (
    .clk_i, .rst_ni, .cfg_i(cfg), .y_shift_i(y_shift), .slope_shift_i(slope_shift),
    .back_shift_i(back_shift), .energy_shift_i(shift[4][ShiftW-1:0]),
    .valid_i(d_valid), .ready_o(d_ready), .last_i(d_last), .ti_i(d_ti), .d_i(d),
    .valid_o(g_valid), .ready_i(g_ready), .last_o(g_last), .g_o(g),
    .energy_valid_o(energy_valid), .energy_o(energy), .saturated_o(saturated[5:3])
  );
  dp_products_back #(
    .Width(Width), .Products(Products), .ProductLanes(ProductLanes), .Lanes(BackLanes),
    .Beats(BackBeats), .Block(4)
  ) u_products_back (
    .clk_i, .rst_ni, .cfg_i(cfg), .shift_i(shift[5][ShiftW-1:0]),
    .x_valid_i(xb_valid), .x_ready_o(xb_ready), .x_last_i(xb_last), .x_x_i(xb),
    .g_valid_i(g_valid), .g_ready_o(g_ready), .g_last_i(g_last), .g_g_i(g),
    .valid_o(dx_valid), .ready_i(dx_ready), .last_o(dx_last), .use_o(dx_use),
    .column_o(dx_column), .x_o(dx), .saturated_o(saturated[6])
  );

  // ---- forces
  logic f_valid;
  beat_t f_beat;
  logic [Lanes-1:0] f_mask;
  logic [Lanes-1:0][IndexW-1:0] f_index;
  logic [Lanes-1:0][2:0][RW-1:0] f_r;
  logic [Lanes-1:0][2:0][OutW-1:0] f;
  logic sat_force, sat_total, energy_taken, unused_taken;

  dp_pair_back #(
    .Lanes(Lanes), .Columns(Columns), .Types(Types), .Split(Split), .ColumnLanes(BackLanes),
    .OctaveW(OctaveW), .RowShift(RowShift), .GShift(DgShift)
  ) u_pair_back (
    .clk_i, .rst_ni, .dr_shift_i(shift[6][ShiftW-1:0]), .along_shift_i(shift[7][ShiftW-1:0]),
    .dt_g_shift_i(shift[8][ShiftW-1:0]), .dt_s_shift_i(shift[9][ShiftW-1:0]),
    .dt_h_shift_i(shift[10][ShiftW-1:0]), .force_u_shift_i(shift[11][ShiftW-1:0]),
    .force_h_shift_i(shift[12][ShiftW-1:0]),
    .x_valid_i(dx_valid), .x_ready_o(dx_ready), .x_last_i(dx_last), .x_use_i(dx_use),
    .x_column_i(dx_column), .x_x_i(dx),
    .valid_i(kept_valid), .ready_o(kept_ready), .beat_i(kept_beat), .mask_i(kept_mask),
    .index_i(kept_index), .r_i(kept_r), .octave_i(kept_octave), .h_i(kept_h),
    .s_slope_i(kept_s_slope), .h_slope_i(kept_h_slope), .row_i(kept_row), .g_i(kept_g),
    .g_slope_i(kept_g_slope),
    .valid_o(f_valid), .ready_i(1'b1), .beat_o(f_beat), .mask_o(f_mask), .index_o(f_index),
    .r_o(f_r), .force_o(f), .saturated_o(sat_force)
  );
  dp_forces #(.Lanes(Lanes), .Atoms(Atoms), .Style(AtomStyle)) u_forces (
    .clk_i, .rst_ni, .valid_i(f_valid), .beat_i(f_beat), .mask_i(f_mask), .index_i(f_index),
    .force_i(f), .take_i(take), .take_addr_i(take_addr), .valid_o(taken),
    .force_o(taken_force), .saturated_o(sat_total)
  );
  dp_virial #(.Lanes(Lanes)) u_virial (
    .clk_i, .rst_ni, .clear_i(clear_virial), .valid_i(f_valid), .mask_i(f_mask), .r_i(f_r),
    .force_i(f), .virial_o(virial)
  );
  dp_accumulate #(.Words(1), .Width(OutW), .Depth(Atoms), .Style(AtomStyle)) u_energies (
    .clk_i, .rst_ni, .valid_i(take || energy_valid), .take_i(take),
    .addr_i(take ? take_addr : AtomW'(energy_center)), .x_i(energy),
    .valid_o(energy_taken), .x_o(taken_energy)
  );
  always_ff @(posedge clk_i) taken_energy_q <= taken_energy;
  assign saturated[7] = sat_force || sat_total;
  assign unused_taken = ^{energy_taken, center_valid, energy_center, f_beat.ti, f_beat.tj, shift};

  // ---- what is under way; idle once the last sums have been written
  logic [FlightW-1:0] flight_q;
  logic [3:0] quiet_q;
  logic begun, ended;

  assign begun = list_valid && list_ready && list_last;
  assign ended = f_valid && f_beat.last;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      flight_q <= '0;
      quiet_q <= '0;
      saturated_q <= '0;
      near_q <= 1'b0;
      crowded_q <= 1'b0;
    end else begin
      flight_q <= flight_q + FlightW'(begun) - FlightW'(ended);
      if (playing || list_valid || flight_q != 0 || ended || start) quiet_q <= '0;
      else if (!(&quiet_q)) quiet_q <= quiet_q + 1;
      saturated_q <= (clear_virial ? '0 : saturated_q) | saturated;
      near_q <= (!clear_virial && near_q) || too_near;
      crowded_q <= (!clear_virial && crowded_q) || crowded;
    end
  end
  assign idle = &quiet_q;
  assign idle_o = idle && s_ready_o;

  // ---- counters: cycles at work, then words and waits of each stream, then what saturated
  logic [Counters-1:0] event_q;
  always_ff @(posedge clk_i) begin
    event_q <= '0;
    event_q[0] <= !idle;
    event_q[1] <= ended;
    event_q[3:2] <= {list_valid && !list_ready, list_valid && list_ready};
    event_q[5:4] <= {env_valid && !env_ready, env_valid && env_ready};
    event_q[7:6] <= {x_valid && !x_ready, x_valid && x_ready && centers_ready};
    event_q[9:8] <= {d_valid && !d_ready, d_valid && d_ready};
    event_q[11:10] <= {g_valid && !g_ready, g_valid && g_ready};
    event_q[13:12] <= {dx_valid && !dx_ready, dx_valid && dx_ready};
    event_q[15:14] <= {kept_valid && !kept_ready, kept_valid && kept_ready};
    event_q[23:16] <= saturated;
    event_q[24] <= too_near;
    event_q[25] <= crowded;
    if (!rst_ni) event_q <= '0;
  end
  dp_counters #(.Count(Counters)) u_counters (
    .clk_i, .rst_ni, .clear_i(clear_counters_i), .event_i(event_q), .count_o(counter_o)
  );
endmodule
