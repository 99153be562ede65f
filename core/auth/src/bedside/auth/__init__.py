"""Who may: the OAuth2 and SMART authorization server."""
