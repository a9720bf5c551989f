"""Games with second-order cones."""
