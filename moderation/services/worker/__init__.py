"""The worker processes: their heartbeat, and where a cluster's work comes from."""
