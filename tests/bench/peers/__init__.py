"""What we are measured against. Each file is a program of its own: `python FILE --port N`, run by the bench's own Python."""
