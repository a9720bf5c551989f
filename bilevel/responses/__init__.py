"""Games whose followers are integer or not convex, by searching over their responses."""
