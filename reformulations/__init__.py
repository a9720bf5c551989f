"""The mathematics of leader-follower games on arrays: numpy and scipy only, no Pyomo, no solver."""
