"""Values and rules: stdlib only, no I/O, no clock, no environ.  Runs on the operator's side and on every host."""
