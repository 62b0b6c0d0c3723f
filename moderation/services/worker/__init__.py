"""The worker processes: their heartbeat, and the doorbell that wakes them."""
