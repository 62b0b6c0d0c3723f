"""What the model reads of a listing's text."""
