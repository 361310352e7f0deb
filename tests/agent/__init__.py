"""The agent, on real directories and real processes."""
