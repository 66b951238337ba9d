"""What happens to a plan when things go wrong: SimPy keeps the time, arrays the state."""
