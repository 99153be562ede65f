"""A person shows who they are, in a browser."""
