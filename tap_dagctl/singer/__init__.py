"""The tap, stream, writer and command as the SDK wants them."""
