"""What the decisions say of the whole catalogue as it is now."""
