"""One page that shows what the warehouse answers."""
