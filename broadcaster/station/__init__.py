"""The station room: the agent on a commune's box. It knows core and wire alone."""
