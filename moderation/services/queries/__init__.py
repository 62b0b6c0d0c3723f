"""Ways to ask the database that several subjects share."""
