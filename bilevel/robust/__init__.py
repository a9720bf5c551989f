"""Games against the worst case of an uncertainty set, by column-and-constraint generation."""
