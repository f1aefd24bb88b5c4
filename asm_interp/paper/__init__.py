"""Floor 5: the figures and tables of a paper about ASM-Net, each computed, drawn and saved with where it comes from."""
