"""The version both ends of the control socket tell each other."""

__version__ = "0.1.0"
