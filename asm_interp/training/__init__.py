"""Floor 3: losses and the training loop."""
