"""Photos, crop data sets, planted worlds and saliency maps."""
