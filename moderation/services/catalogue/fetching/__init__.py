"""Photos by their addresses: which rows a listing has, who asks which host, what then comes in."""
