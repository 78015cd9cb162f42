"""Floor 0: what a sweep *is*. Values and pure functions, standard library only."""
