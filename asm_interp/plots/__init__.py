"""Floor 4: results in, figures out. One function per kind of picture; it draws the numbers it is given.

Functions that draw take the axes, or the current ones; functions that end in `figure` make several panels. They load
on first use, so that the package costs nothing until something is drawn.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
