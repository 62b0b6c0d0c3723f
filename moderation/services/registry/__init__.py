"""Model versions: which exist, which one is active, and the log of every change."""
