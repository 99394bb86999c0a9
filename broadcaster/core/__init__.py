"""Errors, typed names, frozen values and time: what every room may know."""
