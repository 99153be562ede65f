"""Who is calling: tokens, scopes, callers."""
