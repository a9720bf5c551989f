"""Two-stage robust games: what comes before nature moves and what after, masters, and nature's games."""
