"""The clinical rules as pure functions."""
