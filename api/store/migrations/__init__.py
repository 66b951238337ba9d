"""Steps of the metadata's tables; each names the one before it."""
