"""One file per command: parse, call a stage, show.  The only place that prints, reads environ or argv, or exits."""
