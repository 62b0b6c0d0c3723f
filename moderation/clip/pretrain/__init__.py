"""How the bundled model is trained, from nothing but true pairs."""
