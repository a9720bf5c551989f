"""What followers that are integer or not convex could play, and the programs that hold it."""
