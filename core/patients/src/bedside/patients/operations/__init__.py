"""The operations that only the patients service has, one file each."""
