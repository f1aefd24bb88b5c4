"""Judging croppers: metrics, baselines, protocols and published results.

Imported from here without cost: torch loads when a model is evaluated.
"""

from asm_interp.analysis.statistics import bootstrap_interval as bootstrap_interval
from asm_interp.evaluation.baselines import BASELINES as BASELINES
from asm_interp.evaluation.baselines import ModelScorer as ModelScorer
from asm_interp.evaluation.baselines import PositionPrior as PositionPrior
from asm_interp.evaluation.baselines import Scorer as Scorer
from asm_interp.evaluation.metrics import best_crop_recall as best_crop_recall
from asm_interp.evaluation.metrics import best_overlap as best_overlap
from asm_interp.evaluation.metrics import pcc as pcc
from asm_interp.evaluation.metrics import ranking_accuracy as ranking_accuracy
from asm_interp.evaluation.metrics import srcc as srcc
from asm_interp.evaluation.metrics import top_accuracy as top_accuracy
from asm_interp.evaluation.metrics import weighted_top_accuracy as weighted_top_accuracy
from asm_interp.evaluation.protocols import EvaluationResult as EvaluationResult
from asm_interp.evaluation.protocols import Settings as Settings
from asm_interp.evaluation.protocols import compare as compare
from asm_interp.evaluation.protocols import evaluate as evaluate
from asm_interp.evaluation.protocols import load_scorer as load_scorer
from asm_interp.evaluation.protocols import write_results as write_results
from asm_interp.evaluation.published import published_table as published_table
