"""The state: what a sync must read, and what earlier syncs have sent."""
