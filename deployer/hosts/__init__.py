"""Reach a host: the agent's session over a subprocess (`local`) or over SSH."""
