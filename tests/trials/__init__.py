"""Heavy batteries: each a list of trials that can be drawn from or run whole."""
