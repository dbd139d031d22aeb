"""Where requests are worked on: supervised worker processes, and what is said to them."""
