"""The modes `head`, `last` and `full`: learn from what moderators decided."""
