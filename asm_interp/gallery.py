"""A gallery of the executed notebooks: pages that need neither Python nor a network, with a picture for each view.

``python -m asm_interp.gallery [FOLDER]`` writes it.
"""

from __future__ import annotations

import base64
import html
import io
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from asm_interp.files import write_atomically
from asm_interp.notebooks import execute, faults, shipped_notebooks

if TYPE_CHECKING:
    from nbformat import NotebookNode

# JupyterLab's look without what its pages fetch; an output that has a picture shows it, and its caption below.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output" data-mime-type="image/png">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
     alt="{{ output.data.get('text/plain', 'figure') | escape_html }}">
{{ output.data.get('text/html', '') }}
</div>
{%- endblock -%}
"""
_PICTURE_FIRST = ["image/png", "text/html", "text/markdown", "image/svg+xml", "text/plain"]

_INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>asm_interp: notebooks</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
ul {{ list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }}
li {{ border: 1px solid #ccc; border-radius: 6px; padding: 1rem; }}
img {{ width: 100%; height: 11rem; object-fit: contain; object-position: left top; }}
h2 {{ font-size: 1.1rem; margin: .5rem 0; }}
p {{ margin: 0; color: #333; }}
</style></head>
<body><h1>asm_interp: notebooks</h1>
<p>Each as it ran on the shipped checkpoints and sample photographs. Views are pictures here; they move in JupyterLab
(<code>asm-interp lab</code>).</p>
<ul>
{entries}
</ul></body></html>
"""


def page(notebook: NotebookNode, title: str) -> str:
    """An executed notebook as one self-contained HTML page; what its views show stands there as pictures."""
    from nbconvert.exporters import HTMLExporter

    # With its state a widget would be fetched from the network, and the page be blank without one.
    notebook.metadata.pop("widgets", None)
    notebook.metadata["title"] = title
    exporter = HTMLExporter(raw_template=_TEMPLATE)  # type: ignore[no-untyped-call]
    exporter.config.NbConvertBase.display_data_priority = _PICTURE_FIRST
    content, _ = exporter.from_notebook_node(notebook)
    return str(content)


def build_gallery(
    notebooks: Iterable[Path], out: Path, advance: Callable[[str, float], None] = lambda *_: None
) -> list[Path]:
    """Execute notebooks and write a page for each, and an index of them.

    Parameters
    ----------
    notebooks : iterable of path
    out : path
        Folder for the pages.
    advance : callable
        Told of each notebook that is done: its name and the seconds it took.

    Returns
    -------
    list of path
        The pages written, index.html last.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    ValueError
        If something else in a notebook went wrong, as in a view; the message names it.
    """
    written, entries = [], []
    for path in notebooks:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(path, Path(folder))
        if found := faults(notebook):
            raise ValueError(f"{path}: {'; '.join(found)}")
        title, question = _heading(notebook)
        entries.append(_entry(path.stem, title, question, _first_picture(notebook)))
        written.append(out / f"{path.stem}.html")
        write_atomically(written[-1], page(notebook, title))
        advance(path.stem, time.perf_counter() - start)
    written.append(out / "index.html")
    write_atomically(written[-1], _INDEX.format(entries="\n".join(entries)))
    return written


def _heading(notebook: NotebookNode) -> tuple[str, str]:
    """Title and question of a notebook, from its first cell."""
    source = notebook.cells[0].source
    title = re.search(r"^# (.+)$", source, re.MULTILINE)
    question = re.search(r"\*\*Question\.\*\* (.+)", source)
    return title[1] if title else "", question[1] if question else ""


def _first_picture(notebook: NotebookNode) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return next((out.data["image/png"] for out in outputs if "image/png" in out.get("data", {})), "")


def _entry(name: str, title: str, question: str, picture: str) -> str:
    shown = f'<img alt="" src="data:image/png;base64,{_thumbnail(picture)}">' if picture else ""
    heading = f'<h2><a href="{name}.html">{html.escape(title)}</a></h2>'
    return f"<li>{shown}{heading}<p>{html.escape(question)}</p></li>"


def _thumbnail(picture: str, side: int = 480) -> str:
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery")
    pages = build_gallery(shipped_notebooks(), target, lambda name, took: print(f"{took:5.1f} s  {name}", flush=True))
    print(f"open {pages[-1]}")
