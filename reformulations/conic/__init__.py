"""Second-order cones."""
