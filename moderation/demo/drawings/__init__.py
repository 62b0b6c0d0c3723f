"""One file for each kind of product: how it is drawn."""
