"""Points checked against the declared game, and nothing else."""
