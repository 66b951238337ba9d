"""What the tables mean, said once for optimiser, referee and simulator alike."""
