"""Floor 3: from text to a plan. Files, flags and the environment are read here and nowhere else."""
