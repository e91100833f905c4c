"""How far a run is, shown on the terminal and as a row in Flower."""
