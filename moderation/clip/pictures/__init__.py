"""Bytes of strangers become pixels for a model."""
