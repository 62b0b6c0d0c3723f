"""Which word does not fit a photo, and what it looks like instead."""
