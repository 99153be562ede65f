"""The bedside command; the only place that knows all services."""
