"""How long what is kept, and what removes it at night."""
