"""What the demo holds: three example patients, and some generated ones."""
