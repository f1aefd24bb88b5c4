"""Floor 3: score maps in; arrays, dataclasses and DataFrames out. No plotting."""
