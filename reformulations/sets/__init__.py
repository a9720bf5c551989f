"""What nature chooses from."""
