"""Third-party solvers, each wrapped once; their words are translated here and nowhere else."""
