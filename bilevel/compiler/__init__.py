"""From a game as arrays to one single-level program, with bounds that have a source."""
