"""Ways in and out, one file a wire. Each is a thin translation to the verbs of hub and session."""
