"""Lower bounds by prices of stops: routes may visit a stop again, but not at once (q-routes)."""
