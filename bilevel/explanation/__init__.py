"""What was done with a game, in words and in formulas."""
