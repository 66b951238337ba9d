"""What to do: forecast, replenish, allocate, route - each stage with a bound and an audit."""
