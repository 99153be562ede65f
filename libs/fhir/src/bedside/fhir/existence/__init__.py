"""What this service knows of resources that other services own: that they exist, and who survived a merge."""
