"""Where a view's photo comes from: a sample, an upload or a path."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import ipywidgets as widgets
import numpy as np
import numpy.typing as npt
import traitlets as t

from asm_interp.data.photo import read_photo, sample_photos
from asm_interp.widgets.guard import Guarded, guarded

Photo = npt.NDArray[np.uint8]
Given = Photo | str | os.PathLike[str] | None
"""What a view takes as its photo: pixels, a path or the name of a sample; None for the first sample."""

_OWN = "your photo"


@cache
def _samples() -> dict[str, Photo]:
    """The sample photographs, decoded once."""
    return sample_photos()


class PhotoPicker(Guarded):
    """Choose a photo.

    A photo that cannot be read leaves the old one in place and says why.

    Parameters
    ----------
    photo : array, path, name of a sample, or None
        What to begin with.

    Attributes
    ----------
    photo : array of uint8, [H, W, 3]
        Observe it; it may be set to whatever `asm_interp.data.photo.read_photo` takes as pixels.
    name : str
        Set before `photo` changes.
    """

    photo = t.Instance(np.ndarray)
    name = t.Unicode()

    def __init__(self, photo: Given = None) -> None:
        self._known: dict[str, Photo] = dict(_samples())
        start = self._read(photo)
        self.sample = widgets.Dropdown(
            options=list(self._known),
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
        self._other: Photo | None = None
        super().__init__(name=start, photo=self._known[start])
        self.status.layout.min_height = "0"
        self.sample.observe(self._take_sample, "value")
        self._choose(start)
        self.children = [widgets.HBox([self.sample, self.upload, self.path]), self.status]
        self.upload.observe(self._take_upload, "value")
        self.path.observe(self._take_path, "value")
        self.observe(self._follow, "photo")

    def show(self, name: str, photo: Photo) -> None:
        """Put on view what is none of the photos to choose from; whatever is chosen next is a change."""
        self.say()
        self.sample.value, self.path.value, self.upload.value = None, "", ()
        self.name, self._other = name, photo
        self.photo = photo

    @property
    def chosen(self) -> bool:
        """Whether the photo on view is one of those to choose from."""
        return self.photo is not self._other

    @t.validate("photo")
    def _check_photo(self, proposal: dict[str, Any]) -> Photo:
        return read_photo(proposal["value"])

    def _read(self, photo: Given) -> str:
        """Make a photo known and return its name."""
        if photo is None:
            return next(iter(self._known))
        if isinstance(photo, str) and photo in self._known:
            return photo
        name = _OWN if isinstance(photo, np.ndarray) else os.path.basename(os.fspath(photo))  # noqa: PTH119 (any source)
        self._known[name] = read_photo(photo)
        return name

    def _choose(self, name: str) -> None:
        """Take a known photo."""
        self.sample.unobserve(self._take_sample, "value")  # new options reset a menu to its first
        self.sample.options = list(self._known)
        self.sample.value = name
        self.sample.observe(self._take_sample, "value")
        self.say()
        self.name = name
        self.photo = self._known[name]

    @guarded
    def _take_sample(self, change: dict[str, Any]) -> None:
        if change["new"] in self._known and self._known[change["new"]] is not self.photo:
            self._choose(change["new"])

    @guarded
    def _take_upload(self, change: dict[str, Any]) -> None:
        for each in change["new"]:
            with self.working("reading the photo…"):
                try:
                    photo = read_photo(bytes(each["content"]))
                except ValueError as error:
                    raise ValueError(f"{each['name']}: {error}") from error
            self._known[each["name"]] = photo
            self._choose(each["name"])

    @guarded
    def _take_path(self, change: dict[str, Any]) -> None:
        given = change["new"].strip()
        if given:
            self._choose(self._read(os.path.expanduser(given)))  # noqa: PTH111 (stays a str)

    @guarded
    def _follow(self, change: dict[str, Any]) -> None:
        """Pixels that were set from code become known, so that the menu can name them."""
        if self.chosen and self._known.get(self.name) is not change["new"]:
            self._choose(self._read(change["new"]))
