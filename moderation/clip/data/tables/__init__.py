"""Tables as shops write them: in any usual encoding, divided by any usual sign."""
