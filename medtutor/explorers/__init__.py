"""The widgets, one explorer a file."""
