"""Ours beside the public alternative, by hand: `python -m benchmarks.stack` and others."""
