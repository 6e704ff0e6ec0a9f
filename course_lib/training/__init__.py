"""Training: the loop of equations 1 and 2, and what a run is made of."""
