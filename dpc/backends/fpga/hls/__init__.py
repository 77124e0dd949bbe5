"""The fitting net in high-level synthesis: circuits' integers as layers and types of hls4ml."""
