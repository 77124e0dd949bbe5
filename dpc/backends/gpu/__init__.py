"""What all GPU backends share: one kernel text, the plan of a step, host.so around it."""
