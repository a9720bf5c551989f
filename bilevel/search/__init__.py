"""The solution of a compiled game: starts, branch and bound, tightening, polishing."""
