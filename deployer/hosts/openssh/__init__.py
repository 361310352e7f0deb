"""The OpenSSH program: `ssh -G` resolves the configuration, and `ssh` itself carries what paramiko cannot."""
