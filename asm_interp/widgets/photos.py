"""Where a view's photo comes from: a sample, an upload or a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import numpy.typing as npt
import traitlets as t

from asm_interp.data.photo import PhotoError, read_photo, sample_photos
from asm_interp.widgets.guard import Guarded, checks, guarded

Photo = npt.NDArray[np.uint8]
Given = Photo | str | os.PathLike[str] | None
"""What a view takes as its photo: pixels, a path or the name of a sample; None for the first sample."""

_OWN = "your photo"


@dataclass(frozen=True, eq=False)
class NamedPhoto:
    """Pixels [H, W, 3] and what they are called; equal to itself alone, as links of traits compare values."""

    name: str
    pixels: Photo


@cache
def _samples() -> dict[str, NamedPhoto]:
    """The sample photographs, decoded once."""
    return {name: NamedPhoto(name, pixels) for name, pixels in sample_photos().items()}


class PhotoPicker(Guarded):
    """Choose a photo.

    A photo that cannot be read leaves the old one in place and says why. Pickers, and with them their views, share a
    photo and its name by ``traitlets.link((one, "shown"), (other, "shown"))``.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
        What to begin with.

    Attributes
    ----------
    shown : NamedPhoto
        The photo on view.
    photo : array of uint8, [H, W, 3]
        Its pixels. Observe it; it may be set to whatever `asm_interp.data.photo.read_photo` takes as pixels.
    name : str
        Its name, there before `photo` changes; read it, do not set it.
    """

    shown = t.Instance(NamedPhoto)
    photo = t.Instance(np.ndarray)
    name = t.Unicode(read_only=True)

    def __init__(self, photo: Given = None) -> None:
        self._known = dict(_samples())
        start = self._read(photo)
        self.sample = widgets.Dropdown(
            options=list(self._known),
            value=start.name,
            description="Photo",
            tooltip="A sample photograph, or one of yours from this session",
            layout=widgets.Layout(width="230px"),
        )
        self.upload = widgets.FileUpload(
            accept="image/*", multiple=False, description="Upload", tooltip="A photo from your computer"
        )
        self.path = widgets.Text(
            placeholder="or a path, then Enter",
            continuous_update=False,
            tooltip="Path of a photo on the machine that runs Python",
            layout=widgets.Layout(width="220px"),
        )
        self._other: NamedPhoto | None = None
        super().__init__(photo=start.pixels)
        self.status.layout.min_height = "0"
        self.sample.observe(self._take_sample, "value")
        self.shown = start
        self.children = [widgets.HBox([self.sample, self.upload, self.path]), self.status]
        self.upload.observe(self._take_upload, "value")
        self.path.observe(self._take_path, "value")
        self.observe(self._follow_photo, "photo")

    def show(self, name: str, photo: Photo) -> None:
        """Put on view what is none of the photos to choose from; whatever is chosen next is a change."""
        self.path.value, self.upload.value = "", ()
        self._other = NamedPhoto(name, photo)
        self.shown = self._other

    @property
    def chosen(self) -> bool:
        """Whether the photo on view is one of those to choose from."""
        return self.shown is not self._other

    @checks("photo")
    def _check_photo(self, value: Any) -> Photo:
        return read_photo(value)

    def _read(self, photo: Given) -> NamedPhoto:
        """A known photo, or one that becomes known."""
        if photo is None:
            return next(iter(self._known.values()))
        if isinstance(photo, np.ndarray):
            same = (known for known in self._known.values() if known.pixels is photo)
            found = next(same, None) or NamedPhoto(_OWN, read_photo(photo))
        elif photo in self._known:
            found = self._known[str(photo)]
        elif Path(photo).parent == Path() and not Path(photo).exists():
            raise PhotoError(f"no photo {str(photo)!r}; there are {', '.join(self._known)}, and paths of photos")
        else:
            found = NamedPhoto(Path(photo).name, read_photo(photo))
        self._known[found.name] = found
        return found

    def notify_change(self, change: Any) -> None:
        """Linked pickers come first, so that all have the photo before a view opens it."""
        super().notify_change(change)
        if change["name"] == "shown":
            self._follow()

    @guarded
    def _follow(self) -> None:
        """The menu, the name and the pixels, in this order."""
        if self.chosen:
            self._known[self.shown.name] = self.shown
        self.sample.unobserve(self._take_sample, "value")  # new options reset a menu to its first
        if len(self.sample.options) < len(self._known):
            self.sample.options = list(self._known)
        self.sample.value = self.shown.name if self.chosen else None
        self.sample.observe(self._take_sample, "value")
        self.say()
        self.set_trait("name", self.shown.name)
        if self.photo is not self.shown.pixels:
            self.photo = self.shown.pixels

    @guarded
    def _take_sample(self, change: dict[str, Any]) -> None:
        if change["new"] in self._known:
            self.shown = self._known[change["new"]]

    @guarded
    def _take_upload(self, change: dict[str, Any]) -> None:
        for each in change["new"]:
            with self.working("reading the photo…"):
                try:
                    photo = read_photo(bytes(each["content"]))
                except ValueError as error:
                    raise ValueError(f"{each['name']}: {error}") from error
            self.shown = NamedPhoto(each["name"], photo)

    @guarded
    def _take_path(self, change: dict[str, Any]) -> None:
        given = change["new"].strip()
        if given:
            self.shown = self._read(os.path.expanduser(given))  # noqa: PTH111 (stays a str)

    @guarded
    def _follow_photo(self, _: object) -> None:
        """Pixels that were set from code become known, so that the menu can name them."""
        if self.photo is not self.shown.pixels:
            self.shown = self._read(self.photo)
