"""Floor 1: the library of reward terms and metrics that animals share.

Pure functions over a `Batch`; a species names them, weighs them and adds its own.
"""
