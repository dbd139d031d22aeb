"""The live screen: a spec planned, probed and judged in a terminal."""
