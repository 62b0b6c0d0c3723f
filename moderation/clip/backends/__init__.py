"""What runs a tower: processors, precisions, cores."""
