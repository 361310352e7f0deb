"""How does deployer compare with Capistrano on the same hosts with the same app?  `make bench-fleet`."""
