from .canvas import MapCanvas as MapCanvas
from .crop_canvas import CropCanvas as CropCanvas
from .lambda_explorer import LambdaExplorer as LambdaExplorer
from .photos import PhotoPicker as PhotoPicker
from .score_maps import ScoreMaps as ScoreMaps
from .score_maps import shared_maps as shared_maps
from .theta_explorer import ThetaExplorer as ThetaExplorer
from .view import View as View
