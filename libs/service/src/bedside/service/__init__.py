"""From declaration to running process."""
