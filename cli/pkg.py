"""`hab pkg`: the packages installed on this machine."""
