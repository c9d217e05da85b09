"""From the state of one sync to that of the next: what to read, and what was sent."""
