"""asm_interp: why an automatic cropper prefers a crop.

The public names below load on first use, so that importing the package costs nothing.
"""

import lazy_loader

from asm_interp._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
