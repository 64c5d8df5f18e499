"""One running model: what waits for it, what it gives out, and to whom. No network, no torch."""
