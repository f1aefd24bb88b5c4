__version__: str

from . import plots as plots
from . import widgets as widgets
from .analysis.attribution import crop_score_fn as crop_score_fn
from .analysis.explanation import CropComparison as CropComparison
from .analysis.explanation import CropExplanation as CropExplanation
from .analysis.explanation import compare_crops as compare_crops
from .analysis.explanation import explain_circle as explain_circle
from .analysis.explanation import explain_crop as explain_crop
from .analysis.theta import ThetaMaps as ThetaMaps
from .analysis.theta import theta_maps as theta_maps
from .data.photo import read_photo as read_photo
from .data.photo import sample_photos as sample_photos
from .geometry import patterns as patterns
from .geometry.patterns import CompositionPattern as CompositionPattern
from .model.asmnet import ASMNet as ASMNet
from .model.checkpoint import DEFAULT_CHECKPOINT as DEFAULT_CHECKPOINT
from .model.checkpoint import list_checkpoints as list_checkpoints
from .model.checkpoint import load as load
from .model.checkpoint import save as save
from .model.score_map import ScoreMap as ScoreMap
from .model.score_map import circle_scores as circle_scores
from .model.score_map import crop_scores as crop_scores
from .search import search_crops as search_crops
