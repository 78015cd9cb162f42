"""Find, prove and use the hyperparameters that teach simulated animals to move."""

__version__ = "0.1.0"
