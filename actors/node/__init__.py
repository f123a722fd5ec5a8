"""A supervisor's own actors: which there are, in which order they start, with which options."""
