"""What the encounters service does when it hears a fact, one file each."""
