"""Resources in versions: insert-only, each version knowing from which transaction to which it was current."""
