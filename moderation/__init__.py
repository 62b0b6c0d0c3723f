"""clipmod: finds product photos that do not match their text."""

__version__ = "0.1.0"
