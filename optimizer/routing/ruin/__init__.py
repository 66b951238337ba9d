"""Our own search for routes of one trip each: ruin and recreate, compiled."""
