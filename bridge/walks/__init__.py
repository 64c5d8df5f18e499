"""Walks through a latent space. All but the player is pure: told the time, it does no I/O and never sleeps.

settings says what can be asked for and needs no numpy; timeline is the walk's state, a value; paths say which vectors a
place is made of; frames gives what the model gets. grid is the explorer; recording keeps a performance.
"""
