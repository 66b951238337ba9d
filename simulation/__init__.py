"""What happens to a plan when suppliers fail and demand jumps: SimPy keeps time, arrays the state."""
