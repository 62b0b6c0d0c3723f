"""The worker processes: their heartbeat, and the wake-up message (doorbell)."""
