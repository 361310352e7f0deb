"""All that touches a host's disk and processes.  `core` and the standard library only, Python 3.9's dialect."""
