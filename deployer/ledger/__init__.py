"""The ledger as an object over a host's session."""
