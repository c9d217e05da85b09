"""What fits the SDK: its stream, tap, writer and command."""
