"""What people judge: who holds what, in which order, why flagged, decided, undone, audited."""
