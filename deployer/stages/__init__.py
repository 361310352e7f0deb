"""The use cases: build, release, run, rollback and the rest, as plain functions that report by events."""
