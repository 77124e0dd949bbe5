"""What each op of the IR becomes in ONNX: one family of ops, one file, as in dpc/ir/ops."""
