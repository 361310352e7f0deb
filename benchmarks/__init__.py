"""How quick is deployer, beside what does the same without it?  `python -m benchmarks`; docs/performance.md tells."""
