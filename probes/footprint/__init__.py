"""How much memory a model takes in inference and in training: traced on tensors without data."""
