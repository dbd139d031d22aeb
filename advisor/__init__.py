"""Which method, which size: measured advice for a language task."""

__version__ = "0.1.0"
