"""Facts that services tell one another, told exactly once, and the database transaction they are told in."""
