"""The command line: one file per command.  The only place that prints, reads environ or argv, or exits."""
