"""Mode `adapt`: learn the shop's own words and pictures from its listings."""
