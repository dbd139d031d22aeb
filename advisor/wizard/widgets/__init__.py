"""Widgets that draw what a board holds."""
