"""sonde: when to trust a machine-learned interatomic potential, why it is the way it is, what to do where it fails."""

__version__ = "0.1.0"
