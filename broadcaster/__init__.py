"""Radio programmes from a district centre to every commune's loudspeakers, and the truth about what was heard."""

__version__ = "0.1.0"
