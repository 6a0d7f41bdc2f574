"""The private listener: health, metrics and the state of everything, for its operator only."""
