"""Processes under systemd, on a real host."""
