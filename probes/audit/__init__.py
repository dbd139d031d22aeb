"""What the data allow, before a model is run: one file a kind of fault."""
