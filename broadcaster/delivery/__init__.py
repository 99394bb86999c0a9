"""What each station still needs, and bringing it there."""
