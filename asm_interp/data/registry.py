"""The published data sets and tables of one's own by name: how to read each, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asm_interp.data.cpc import cpc_sources, read_cpc
from asm_interp.data.crops import CropDataset
from asm_interp.data.fcdb import read_fcdb, read_fcdb_ranking
from asm_interp.data.flms import flms_sources, read_flms
from asm_interp.data.gaicd import gaicd_sources, read_gaicd
from asm_interp.data.table import read_table, table_sources

_READERS: dict[str, Callable[..., CropDataset]] = {
    "gaicd": read_gaicd,
    "cpc": read_cpc,
    "fcdb": read_fcdb,
    "fcdb-ranking": read_fcdb_ranking,
    "flms": read_flms,
    "table": read_table,
}
_FORMS: dict[str, Callable[[str | os.PathLike[str]], list[Path]]] = {
    "gaicd": gaicd_sources,
    "cpc": cpc_sources,
    "flms": flms_sources,
    "table": table_sources,
}

KINDS = tuple(_READERS)
"""Names of the data sets that `read_dataset` reads."""

_WHERE = {
    "gaicd": """\
GAICD (Zeng et al., CVPR 2019 and TPAMI): photos with up to 90 crops each, scored by people.
  from  the repositories HuiZeng/Grid-Anchor-based-Image-Cropping and
        HuiZeng/Grid-Anchor-based-Image-Cropping-Pytorch on GitHub
  put   ROOT/annotations/{train,test}/<id>.txt  or  ROOT/annotations/<id>.txt  (y1 x1 y2 x2 score)
        or ROOT/image_crop.json with ROOT/original_data_split.json
        or ROOT/*.mat (imdb)
        ROOT/images/{train,test}/<id>.jpg  or  ROOT/images/<id>.jpg
  size  1236 photos (1036 train, 200 test; the .mat: 1000, 36 val, 200), 106,853 crops;
        the larger version: 3336 photos (2636 train, 200 val, 500 test)""",
    "cpc": """\
CPC (Wei et al., CVPR 2018): photos with 24 crops each, scored by several people.
  from  the authors, with the code of their View Evaluation Net (ViewEvaluationNet)
  put   ROOT/CollectedAnnotationsRaw/<name>.jpg.txt  or  ROOT/image_crop.json (keys bboxes, scores)
        ROOT/images/<name>.jpg
  size  24 crops a photo; no published split: 2000 photos are set aside for validation, by a seed""",
    "fcdb": """\
FCDB (Chen et al., WACV 2017): Flickr photos with one expert crop each.
  from  the repository yiling-chen/flickr-cropping-dataset on GitHub; its scripts download the photos
        from Flickr, where some are gone
  put   ROOT/cropping_training_set.json, ROOT/cropping_testing_set.json
        ROOT/ranking_annotation.json  (from it the sizes of missing photos are inferred)
        ROOT/images/<name>.jpg  or  ROOT/data/<name>.jpg
  size  1369 train, 345 test; earlier versions 1395 and 348""",
    "fcdb-ranking": """\
FCDB's ranked pairs (Chen et al., WACV 2017): ten pairs of crops a photo, five votes each.
  from  the repository yiling-chen/flickr-cropping-dataset on GitHub
  put   ROOT/ranking_annotation.json, ROOT/cropping_testing_set.json  (which photos are for the test)
        ROOT/images/<name>.jpg  or  ROOT/data/<name>.jpg
  size  3362 photos, 33,620 pairs""",
    "flms": """\
FLMS (Fang et al., ACM MM 2014): photos cropped by ten people each; also called HCDB.
  from  the authors (500_image_dataset.mat); the same boxes as image_crop.json come with the repository
        bcmi/Human-Centric-Image-Cropping on GitHub
  put   ROOT/*.mat (img_gt)  or  ROOT/image_crop.json
        ROOT/images/<name>.jpg
  size  500 photos, all for the test; 4988 boxes""",
    "table": """\
Your own crops, scored or only the best ones, one row each.
  from  you
  put   ROOT/crops.csv  or  ROOT/crops.parquet  or such a file as ROOT  (photo, x1, y1, x2, y2 in its pixels; if you
        have them: score, split (train, val, test; else all are for the test), width and height of the photo)
        ROOT/images/<photo>  or  ROOT/<photo>
  size  any""",
}


def _known(kind: str) -> str:
    if kind not in _READERS:
        raise ValueError(f"a data set is one of {', '.join(KINDS)}, got {kind!r}")
    return kind


def read_dataset(kind: str, root: str | os.PathLike[str], **options: Any) -> CropDataset:
    """Read a data set; `options` are those of its loader, such as `seed` for CPC.

    Raises
    ------
    ValueError
        If there is no such kind; DatasetError, a ValueError, if the files are not there or not of their form.
    """
    return _READERS[_known(kind)](root, **options)


def annotation_forms(kind: str, root: str | os.PathLike[str]) -> list[Path]:
    """Every form of a data set's annotations that is there, each of which `read_dataset` takes; first the default.

    Raises
    ------
    ValueError
        As `read_dataset`.
    """
    return _FORMS[kind](root) if _known(kind) in _FORMS else [Path(root)]


def where(kind: str | None = None) -> str:
    """What to download for a data set, or for all of them, and where to put it.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    return "\n\n".join(_WHERE.values()) if kind is None else _WHERE[_known(kind)]
