"""What every view shares: messages, a read-out, and saving what it shows as pictures, numbers and an offline page."""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from html.parser import HTMLParser
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets as widgets
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from asm_interp import _version
from asm_interp.files import write_atomically
from asm_interp.geometry.boxes import check_boxes
from asm_interp.widgets import painter
from asm_interp.widgets.guard import Guarded, Refused, between, checks, guarded
from asm_interp.widgets.photos import Given, PhotoPicker
from asm_interp.widgets.save_bar import SaveBar
from asm_interp.widgets.score_maps import ScoreMaps, digest, shared_maps

__all__ = ["View", "guarded", "plain"]

_KEY = "asm_interp"  # of a PNG's text, as in the figures

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 82rem; padding: 0 1rem; }}
img {{ max-width: 100%; }} input[type=range] {{ width: min(40rem, 90vw); }} details pre {{ white-space: pre-wrap; }}
</style></head><body>
<h1>{title}</h1>
{control}
<figure style="margin:0"><img id="picture" src="{picture}" alt="{alt}"></figure>
<div id="readout" aria-live="polite">{readout}</div>
<details><summary>Numbers</summary><div id="numbers">{numbers}</div></details>
<details><summary>Where this comes from</summary><pre id="provenance">{provenance}</pre></details>
<script>
const [frames, rows] = {frames};
const slider = document.getElementById("frame");
if (slider) slider.addEventListener("input", () => {{
  const frame = frames[slider.valueAsNumber];
  document.getElementById("picture").src = frame.picture;
  document.getElementById("picture").alt = frame.alt;
  document.getElementById("readout").innerHTML = frame.readout;
  document.getElementById("numbers").innerHTML = frame.numbers.map((row) => rows[row]).join("</tr>");
  document.getElementById("provenance").innerHTML = frame.provenance;
  document.getElementById("state").textContent = frame.label;
  slider.setAttribute("aria-valuetext", frame.label);
}});
</script></body></html>
"""


class View(Guarded):
    """A box of controls and pictures over one photo.

    A subclass builds its children, the last of them `saver`, keeps `readout` up to date, and says what `picture` and
    `numbers` are.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
        None takes the first sample photograph.
    maps : ScoreMaps, optional
        Where score maps are kept; shared among views by default.

    Attributes
    ----------
    picker : PhotoPicker
        Views show one photo if their pickers are linked: ``traitlets.link((a.picker, "shown"), (b.picker, "shown"))``.
    photo : array of uint8, [H, W, 3]
        Of the picker; may be set, except where photos are those of a data set.
    status, readout : ipywidgets.HTML
        Messages, and the numbers behind the picture in words.
    saver : SaveBar
        Buttons for `save` and `to_html`.
    sweep_name : str
        What the slider of the offline page is called.
    """

    sweep_name: ClassVar[str] = ""

    def __init__(self, photo: Given = None, *, maps: ScoreMaps | None = None) -> None:
        super().__init__()
        self.maps = maps or shared_maps()
        self.picker = PhotoPicker(photo)
        self.readout = widgets.HTML()
        stem = re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()
        self.saver = SaveBar(stem, self.save, self.to_html)

    @property
    def photo(self) -> painter.Photo:
        """The photo on view, [H, W, 3] uint8."""
        return self.picker.shown.pixels

    @photo.setter
    def photo(self, value: painter.Photo) -> None:
        if self.picker not in self.children:
            raise Refused(f"{type(self).__name__} shows the photos of its data; choose one by its index")
        self.picker.photo = value

    @checks("checkpoint")
    def _check_checkpoint(self, value: str) -> str:
        self.maps.require(value)
        return value

    @checks("crop", "crop_a", "crop_b")
    def _check_crop(self, value: Any) -> list[float]:
        return self._on_photo(value)

    def _on_photo(self, value: Any) -> list[float]:
        """A box x1, y1, x2, y2 that lies on the photo."""
        box: list[float] = check_boxes([value], self.photo.shape[:2])[0].tolist()
        return box

    @checks("opacity")
    def _check_opacity(self, value: float) -> float:
        return between(value, 0.0, 1.0, "opacity")

    @abstractmethod
    def picture(self) -> Image.Image:
        """What the view shows, as one picture."""
        raise NotImplementedError

    @abstractmethod
    def numbers(self) -> pd.DataFrame:
        """The numbers behind what the view shows."""
        raise NotImplementedError

    def sweep(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Frames of the offline page: the label of each, and traits of the view to set for it; as it is by default."""
        yield "", {}

    def used_checkpoints(self) -> Iterable[str]:
        """Names or paths of the checkpoints that the view rests on; its trait ``checkpoint`` by default."""
        return [str(self.checkpoint)] if self.has_trait("checkpoint") else []

    def scales(self) -> Mapping[str, str]:
        """How each map was brought to colours."""
        return {}

    def settings(self) -> dict[str, Any]:
        """The view's own traits, as far as JSON can hold them."""
        own = sorted(set(self.trait_names()) - set(View.class_trait_names()))
        return {name: value for name in own if _is_plain(value := getattr(self, name))}

    def provenance(self) -> dict[str, Any]:
        """Where the picture comes from: view, photo, checkpoints with their SHA-256, scales, settings, versions.

        A photo's SHA-1 is that of its size and pixels; see `asm_interp.widgets.score_maps.digest`.
        """
        return {
            "view": type(self).__name__,
            "photo": self.picker.name,
            "photo_sha1": digest(self.photo),
            "checkpoints": {name: self.maps.sha256(name) for name in self.used_checkpoints()},
            "scales": dict(self.scales()),
            "settings": self.settings(),
            "versions": {"asm_interp": _version.__version__}
            | {name: version(name) for name in ("numpy", "torch", "ipywidgets", "anywidget")},
        }

    def save(self, stem: str | os.PathLike[str]) -> list[Path]:
        """Write the picture, its numbers and where they come from.

        Parameters
        ----------
        stem : path
            ``.png``, ``.csv`` and ``.json`` are added to its name. The PNG carries the JSON too.

        Returns
        -------
        list of Path
        """
        told = self._told_provenance()
        contents: dict[str, bytes | str] = {
            "png": _png(self.picture(), told),
            "csv": self.numbers().to_csv(index=False, lineterminator="\n", float_format="%.6g"),
            "json": told + "\n",
        }
        path = Path(stem)
        written = []
        for suffix, content in contents.items():
            written.append(path.with_name(f"{path.name}.{suffix}"))
            write_atomically(written[-1], content)
        return written

    def _told_provenance(self) -> str:
        return json.dumps(self.provenance(), indent=2, sort_keys=True)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that works without Python and without a network: the view at each step of its main control.

        It opens at what is on view, which is one more step, the first, if it is none of them.

        Parameters
        ----------
        path : path

        Returns
        -------
        Path
        """
        steps = list(self.sweep())
        before = {name: getattr(self, name) for _, state in steps for name in state}
        if before not in (states := [state for _, state in steps]):
            steps.insert(0, ("as on view", {}))
        start = states.index(before) if before in states else 0
        frames = []
        try:
            for label, state in steps:
                for name, value in state.items():
                    setattr(self, name, value)
                frames.append({"label": label} | self._frame())
        finally:
            for name, value in before.items():
                setattr(self, name, value)
        control = (
            f'<p><label>{escape(self.sweep_name)} <input type="range" id="frame" min="0" max="{len(frames) - 1}" '
            f'step="1" value="{start}"></label> <output id="state">{escape(frames[start]["label"])}</output></p>'
            if len(frames) > 1
            else ""
        )
        page = _PAGE.format(
            **frames[start] | {"alt": escape(frames[start]["alt"])},
            title=escape(f"{type(self).__name__}: {self.picker.name}"),
            control=control,
            frames=json.dumps(_packed(frames) if control else [[], []]).replace("</", "<\\/"),
        )
        write_atomically(path, page)
        return Path(path)

    def _frame(self) -> dict[str, str]:
        """What a page shows of the view as it is; markup, but for ``alt``."""
        table = self.numbers().to_html(index=False, border=0, float_format="{:.4g}".format)
        return {
            "picture": _data_url(self.picture()),
            "alt": self.description(),
            "readout": self.readout.value,
            "numbers": re.sub(r"\n\s*", "", table),
            "provenance": escape(self._told_provenance()),
        }

    def description(self) -> str:
        """The read-out without markup: the text that stands for the picture."""
        return plain(self.readout.value)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The live view, and where that cannot run its picture and read-out."""
        bundle = dict(super()._repr_mimebundle_(**options) or {})
        picture = b64encode(_png(self.picture())).decode()
        return bundle | {
            "image/png": picture,
            "text/html": self.readout.value,
            "text/plain": f"{type(self).__name__}: {self.description()}",
        }


def _packed(frames: list[dict[str, str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Frames whose tables are numbers of rows, and these rows: tables of many frames have most of theirs in common."""
    rows: dict[str, int] = {}
    packed = [
        frame | {"numbers": [rows.setdefault(row, len(rows)) for row in frame["numbers"].split("</tr>")]}
        for frame in frames
    ]
    return packed, list(rows)


def plain(markup: str) -> str:
    """Text of a piece of HTML.

    Examples
    --------
    >>> plain("<b>λ = 0.1</b><br>score &lt; 1")
    'λ = 0.1 score < 1'
    """
    parts: list[str] = []

    def start(tag: str, _: object) -> None:
        if tag not in ("b", "i", "span", "sub", "sup"):  # the rest begins a line or a cell of its own
            parts.append(" ")

    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = parts.append  # type: ignore[method-assign, assignment]
    parser.handle_starttag = start  # type: ignore[method-assign, assignment]
    parser.feed(markup)
    parser.close()
    return " ".join("".join(parts).split())


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    return value is None or isinstance(value, str | int | float | bool)


def _png(image: Image.Image, text: str = "") -> bytes:
    info = PngInfo()
    if text:
        info.add_text(_KEY, text)
    buffer = BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _data_url(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=88, method=4)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"
