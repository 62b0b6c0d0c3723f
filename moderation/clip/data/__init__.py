"""Rows of product files: read, grouped, divided, and varied for training."""
