"""What a program costs on a machine: arithmetic, bytes, time and memory, before it is built."""
