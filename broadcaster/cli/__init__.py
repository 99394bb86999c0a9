"""The commands that people type. The only home of click."""
