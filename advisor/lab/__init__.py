"""The laboratory: policies replayed on tables in which everything was measured once."""
