"""The night: import, validate, plan, stress, gates, publish or hold - and its report."""
