"""Programs as ONNX models, for exchange: standard ops only. The only importer of onnx."""
