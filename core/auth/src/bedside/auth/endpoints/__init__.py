"""The addresses of auth, one file each.

Endpoints that open a unit of work are plain functions, which FastAPI runs in its threads.
"""
