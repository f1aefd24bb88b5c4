"""Floor 2: backbones, ASM-Net, composition-aware pooling and checkpoints."""
