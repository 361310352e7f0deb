"""Many real hosts: what the run stage does on all of them, and what is left when something fails."""
