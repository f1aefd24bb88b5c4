"""Floor 5: interactive views over the analysis, for JupyterLab. Nothing here draws with a plotting library."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
