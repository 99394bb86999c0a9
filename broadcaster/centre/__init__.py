"""The centre: wires the rooms together, owns the workspace and the clock."""
