"""Known ways to break rtl/: each must make a test of test_modules fail.

Each names the smallest of the cases that has to notice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """A piece of a file, what it becomes, and the case that must notice."""

    file: str
    text: str
    becomes: str
    case: str


BREAKS = [
    Break("dp_round", "Wide'(1) << ((Shift + 31) % 32)", "'0", "dp_round-20-7-9"),
    Break("dp_round", "shifted < -Top - 1", "shifted < -Top", "dp_round-20-7-9"),
    Break("dp_round_by", "(halves + 1) >>> 1", "halves >>> 1", "dp_round_by-20-6-9"),
    Break("dp_fifo", "count_q != (AddrW + 1)'(Depth)", "1'b1", "dp_fifo-9-5"),
    Break("dp_fifo", "tail_q == End ? '0 : tail_q + 1", "tail_q + 1", "dp_fifo-9-5"),
    Break("dp_reg_slice", "skid_valid_q ? skid_q : data_i", "data_i", "dp_reg_slice-9"),
    Break("dp_cubic_step", "(p2 <<< 1) - c2_q[1]", "p2", "dp_env-smallest-8-1"),
    Break("dp_locate", "octave_q == 0 ? '0 : octave_q - 1", "octave_q", "dp_env-smallest-8-1"),
    Break("dp_env", "u[l] >= u_cut_i", "u[l] > u_cut_i + (u_cut_i >> 1)", "dp_env-odd-24-2"),
    Break("dp_contract", "x_q[1][0] + start2_q - pad_sum", "x_q[1][0] + start2_q",
          "dp_contract-smallest-8-1"),
    Break("dp_contract", "first_q ? '0 : sum_q[b][c][m]", "sum_q[b][c][m]",
          "dp_contract-smallest-8-1"),
    Break("dp_contract", "en = !full_q || take", "en = 1'b1", "dp_contract-split-16-2"),
    Break("dp_halves", "!full_q[in_half_q] && ", "", "dp_products-odd-3-2"),
    Break("dp_products_back", "use_4 ? SumDxW'(product_q[c]) : '0", "SumDxW'(product_q[c])",
          "dp_products_back-odd-12-2"),
    Break("dp_layer", "full_q <= 1'b1;\n      else if (take)",
          "full_q <= 1'b1;\n      else if (step)", "dp_fit-odd-8-2"),
    Break("dp_act", "{!z_i[p][ZW-1], z_i[p][ZW-2:TW]}", "z_i[p][ZW-1:TW]", "dp_fit-odd-8-2"),
    Break("dp_head", "first2_q ? bias2_q : sum_q", "first2_q ? '0 : sum_q", "dp_fit-odd-8-2"),
    Break("dp_layer_back", "first_q[2] ? '0 : sum_q[i]", "sum_q[i]", "dp_fit-odd-8-2"),
    Break("dp_pair_back", "force_u_shift_i + ShiftW'(octave_9)", "force_u_shift_i",
          "dp_pair_back-smallest-8-1"),
    Break("dp_pair_back", "if (take) own_q <= next_q", "if (accept) own_q <= next_q",
          "dp_pair_back-smallest-8-1"),
    Break("dp_accumulate", "if (valid_q[2] && addr_q[2] == addr_q[1]) old = new2_q;", "",
          "dp_forces-1-5"),
    Break("dp_accumulate", "take1_q ? '0 : old[w] + x1_q[w]", "old[w] + x1_q[w]",
          "dp_forces-1-5"),
    Break("dp_virial", "sum = sum - ", "sum = sum + ", "dp_virial-1"),
    Break("dp_list", "header_valid_q && (!active_q || (word_done && last_beat))", "header_valid_q",
          "dp_list-2"),
    Break("dp_dma_read", "32'(claimed_q) + now <= Depth", "1'b1", "dp_dma_read-4"),
    Break("dp_dma_write", "left_q == 1;", "left_q == 2;", "dp_dma_write-4"),
    Break("dp_dma_read", "r_valid_i && drop_q == 0", "r_valid_i", "dp_dma_read-4"),
    Break("dp_command", "idle_i && left_q != 0 && room", "left_q != 0 && room",
          "dp_command-64-256"),
    # beyond the first list: a break of every other file that computes or decides something
    Break("dp_command", "32'(under_way_q) + 32'(queued_q) < QueueDepth", "1'b1",
          "dp_command-64-256"),
    Break("dp_coords", "tj: tj[0]", "tj: tj[Lanes-1]", "dp_coords-2-16"),
    Break("dp_regs", "if (done_i) done_q", "if (!done_i) done_q", "dp_regs-0"),
    Break("dp_regs", "(!b_valid_q || b_ready_i)", "1'b1", "dp_regs-0"),
    Break("dp_dma_write", "abort_q <= ask || left_q != 0", "abort_q <= 1'b0", "dp_dma_write-4"),
    Break("dp_mul_pair", "w1_i[i] - PackedW'(w0_i[i][PackedW-1])", "w1_i[i]", "dp_fit-packed-4-2"),
    Break("dp_mul_pair", " + PackedShift'(product_q[PackedShift-1])", "", "dp_fit-packed-4-2"),
    Break("dp_layer", "cut_q <= next_cut_q", "cut_q <= cut_q", "dp_fit-packed-4-2"),
    Break("dp_dot", "$signed(b_i[i])", "$unsigned(b_i[i])", "dp_fit-odd-8-2"),
    Break("dp_mul_add", "y_q <= c_i + rounded", "y_q <= c_i - rounded", "dp_env-smallest-8-1"),
    Break("dp_cubic", ".raddr_i(row_i[2*k])", ".raddr_i('0)", "dp_env-smallest-8-1"),
    Break("dp_products", "ColumnW'(pair[15:8])", "ColumnW'(pair[7:0])", "dp_products-odd-3-2"),
    Break("dp_forces", "if (mask_i[l]) center_sum", "center_sum", "dp_forces-1-5"),
    Break("dp_fit", ".valid_i(both_valid[1]), .ready_o(kept_ready)",
          ".valid_i(both_valid[0]), .ready_o(kept_ready)", "dp_fit-odd-8-2"),
    Break("dp_ram", "if (re_i) rdata_o", "rdata_o", "dp_fifo-9-5"),
    Break("dp_fork", "{2{valid_i}} & ~done_q", "{2{valid_i}}", "dp_fit-odd-8-2"),
    Break("dp_valid", "ready_i || !valid_q[Stages-1]", "1'b1", "dp_products-odd-3-2"),
    Break("dp_delay", "if (en_i) begin", "begin", "dp_products-odd-3-2"),
    Break("dp_cfg_port", "32'(word_q.row) < Rows", "1'b1", "dp_products-odd-3-2"),
    Break("dp_distance", "(SquareW + 2)'(square_q[2])", "'0", "dp_env-smallest-8-1"),
    Break("dp_sum", "k < 4 * i + 4", "k < 4 * i + 3", "dp_fit-odd-8-2"),
    Break("dp_ram_2r", "words[b_addr_i]", "words[a_addr]", "dp_env-odd-24-2"),
    Break("dp_weights", ".b_re_i, .b_addr_i(b_row_i)", ".b_re_i, .b_addr_i(a_row_i)",
          "dp_fit-odd-8-2"),
    Break("dp_core", "x_both[0] && x_readies[0] && x_last", "x_both[0] && x_readies[0]",
          "dp_top-smallest-8-1"),
    Break("dp_core", "event_q[1] <= ended", "event_q[1] <= list_valid", "dp_top-smallest-8-1"),
    Break("dp_counters", "!rst_ni || clear_i", "!rst_ni", "dp_top-smallest-8-1"),
    Break("dp_top", "flush_i(!core_reset_q), .start_i(start), .addr_i(source)",
          "flush_i(1'b0), .start_i(start), .addr_i(source)", "dp_top-smallest-8-1"),
]  # fmt: skip
