"""One bulk export over several owners: each exports what it owns, and the gateway keeps nothing of it.

The address of a job's state carries, sealed, the jobs that were begun at the owners; its files are the owners' own.
"""
