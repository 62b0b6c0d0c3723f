"""Sources that repeat: where a file lies, when it is read again, what is new and what is gone."""
