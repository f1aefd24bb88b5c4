"""``python -m asm_interp`` is the command line."""

from asm_interp.cli import main

main()
