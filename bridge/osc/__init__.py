"""OSC as bytes and values: packets, stream framing, patterns, time tags, what an address takes. Pure: no socket."""
