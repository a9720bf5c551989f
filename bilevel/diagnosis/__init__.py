"""Why a game has no solution."""
