"""Real hosts for the tests: systemd as PID 1 and a real sshd, on this machine.  `python -m tests.lab up 3`."""
