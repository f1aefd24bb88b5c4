// A photo under a map, with a crop that mouse and keys move. Drawn once a screen frame at most; see canvas.py.

const ACCENT = "#D55E00", INK = "#222222", GUIDE = "#ffe600";
const GUIDES = {
  "": [],
  thirds: [[1 / 3, 0, 1 / 3, 1], [2 / 3, 0, 2 / 3, 1], [0, 1 / 3, 1, 1 / 3], [0, 2 / 3, 1, 2 / 3]],
  centre: [[0.5, 0, 0.5, 1], [0, 0.5, 1, 0.5]],
  diagonals: [[0, 0, 1, 1], [0, 1, 1, 0]],
};
const HANDLES = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]];
const CURSORS = ["nwse", "ns", "nesw", "ew", "nwse", "ns", "nesw", "ew"];
const GRAB = 9; // CSS pixels around a handle that take hold of it
const MARKED = 90; // CSS pixels of a crop's shorter side that leave room for its marks
const CONTROLS = ["select", "button", "input", ".noUi-handle"].map((each) => `${each}:not([data-lm-suppress-shortcuts])`).join();
const LEAST = 8; // photo pixels of a crop's shorter side
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOM = { "+": 1, "=": 1, "*": 10, "-": -1, "_": -10 }; // steps of 5 %; "+" is "=" with Shift on many keyboards
const TOUCHED = ["photo", "photo_size", "grey", "layer", "layer_size", "layer_box", "lut", "opacity", "contour", "scale",
  "title", "alt", "outlines", "crop", "shape", "aspect", "editable", "pointed", "borders", "marks", "guides", "width", "height"];

const bytes = (value) => value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** A crop of a width and height about a fixed point (share ax, ay of the crop), cut to what fits into the photo. */
function fitted(x, y, ax, ay, width, height, aspect, W, H) {
  const roomX = Math.min(ax > 0 ? x / ax : Infinity, ax < 1 ? (W - x) / (1 - ax) : Infinity);
  const roomY = Math.min(ay > 0 ? y / ay : Infinity, ay < 1 ? (H - y) / (1 - ay) : Infinity);
  if (aspect) {
    width = Math.min(Math.max(width, LEAST * Math.max(1, aspect)), roomX, roomY * aspect);
    height = width / aspect;
  } else {
    width = Math.min(Math.max(width, LEAST), roomX);
    height = Math.min(Math.max(height, LEAST), roomY);
  }
  const left = clamp(x - ax * width, 0, W - width), top = clamp(y - ay * height, 0, H - height);
  return [left, top, left + width, top + height];
}

/** The crop after a handle was dragged to a point; the opposite side or corner stays. */
function resized(crop, handle, px, py, aspect, W, H) {
  const [x1, y1, x2, y2] = crop, [u, v] = HANDLES[handle];
  const ax = 1 - u, ay = 1 - v; // the point that stays
  const x = x1 + ax * (x2 - x1), y = y1 + ay * (y2 - y1);
  let width = u === 0.5 ? x2 - x1 : Math.max(0, u ? px - x : x - px);
  let height = v === 0.5 ? y2 - y1 : Math.max(0, v ? py - y : y - py);
  if (aspect && u === 0.5) width = height * aspect;
  if (aspect && u !== 0.5 && v !== 0.5) width = Math.max(width, height * aspect);
  return fitted(x, y, ax, ay, width, height, aspect, W, H);
}

function moved(crop, dx, dy, W, H) {
  const width = crop[2] - crop[0], height = crop[3] - crop[1];
  const left = clamp(crop[0] + dx, 0, W - width), top = clamp(crop[1] + dy, 0, H - height);
  return [left, top, left + width, top + height];
}

function render({ model, el }) {
  const heading = document.createElement("div");
  heading.style.cssText = "font:bold 12px sans-serif;min-height:1.2em;white-space:pre-wrap";
  const canvas = document.createElement("canvas");
  canvas.dataset.frame = "0";
  canvas.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys (c copies a cell) stay out of it
  canvas.style.cssText = "display:block;outline-offset:-2px";
  el.append(heading, canvas);
  const context = canvas.getContext("2d");

  let colour = null, grey = null; // the photo, and its luminance
  let layer = null, contour = null; // the map as pixels, and its outline in units of the map's sides
  let crop = model.get("crop"), drag = null, near = -1;
  let aim = null; // the photo pixel that arrow keys point at
  let frames = 0, asked = 0, pause = 0, reading = 0;
  let per = 1, shownW = 1, shownH = 1;
  const outgoing = {};
  let sending = 0;

  const size = () => model.get("photo_size");
  const locked = () => model.get("shape") === "circle" ? 1 : model.get("aspect");

  async function readPhoto() {
    const data = bytes(model.get("photo")), turn = ++reading;
    if (!data.length) { colour = grey = null; return ask(); }
    const bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
    if (turn !== reading) return; // a later photo may have been decoded sooner
    const plain = new OffscreenCanvas(bitmap.width, bitmap.height), pen = plain.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    const pixels = pen.getImageData(0, 0, bitmap.width, bitmap.height), p = pixels.data;
    for (let i = 0; i < p.length; i += 4) p[i] = p[i + 1] = p[i + 2] = 0.2126 * p[i] + 0.7152 * p[i + 1] + 0.0722 * p[i + 2];
    pen.putImageData(pixels, 0, 0);
    [colour, grey] = [bitmap, plain];
    ask();
  }

  function readLayer() {
    const [h, w] = model.get("layer_size"), data = bytes(model.get("layer")), lut = bytes(model.get("lut"));
    layer = contour = null;
    if (!h || data.length !== h * w || lut.length < 768) return;
    const table = new Uint32Array(256); // little-endian RGBA, as all browsers' machines have it
    for (let i = 1; i < 256; i++) table[i] = 0xff000000 | (lut[3 * i + 2] << 16) | (lut[3 * i + 1] << 8) | lut[3 * i];
    const image = new ImageData(w, h), out = new Uint32Array(image.data.buffer);
    for (let i = 0; i < data.length; i++) out[i] = table[data[i]];
    layer = new OffscreenCanvas(w, h);
    layer.getContext("2d").putImageData(image, 0, 0);
    const least = model.get("contour");
    if (!least) return;
    contour = new Path2D();
    const inside = (x, y) => x >= 0 && y >= 0 && x < w && y < h && data[y * w + x] >= least;
    for (let y = 0; y <= h; y++) for (let x = 0; x <= w; x++) {
      const here = inside(x, y);
      if (here !== inside(x - 1, y)) { contour.moveTo(x / w, y / h); contour.lineTo(x / w, (y + 1) / h); }
      if (here !== inside(x, y - 1)) { contour.moveTo(x / w, y / h); contour.lineTo((x + 1) / w, y / h); }
    }
  }

  // ---- drawing

  const ask = () => { asked ||= requestAnimationFrame(draw); };

  function stroke(path, color, width, dash = []) {
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke(path);
    context.setLineDash([]);
  }

  function label(text, x, y, color) {
    context.font = "11px sans-serif";
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillStyle = INK;
    context.fillRect(x + 2, y + 2, context.measureText(text).width + 6, 15);
    context.fillStyle = color;
    context.fillText(text, x + 5, y + 4);
  }

  function drawCrop() {
    const [x1, y1, x2, y2] = crop.map((each) => each * per), w = x2 - x1, h = y2 - y1;
    const rim = new Path2D();
    if (model.get("shape") === "circle") rim.arc((x1 + x2) / 2, (y1 + y2) / 2, Math.min(w, h) / 2, 0, 2 * Math.PI);
    else rim.rect(x1, y1, w, h);
    context.save();
    context.clip(rim);
    for (const [lines, color] of [[model.get("borders"), "rgba(255,255,255,.85)"], [GUIDES[model.get("guides")], GUIDE]]) {
      const path = new Path2D();
      for (const [u1, v1, u2, v2] of lines) { path.moveTo(x1 + u1 * w, y1 + v1 * h); path.lineTo(x1 + u2 * w, y1 + v2 * h); }
      stroke(path, color, 1);
    }
    context.restore();
    stroke(rim, "#ffffff", 4);
    stroke(rim, ACCENT, 2);
    if (Math.min(w, h) >= MARKED) {
      context.font = "bold 10px sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 2.5;
      context.lineJoin = "round"; // outlined digits would have spikes
      for (const [u, v, text] of model.get("marks")) {
        context.strokeStyle = INK;
        context.strokeText(text, x1 + u * w, y1 + v * h);
        context.fillStyle = "#ffffff";
        context.fillText(text, x1 + u * w, y1 + v * h);
      }
    }
    if (!model.get("editable")) return;
    for (const [u, v] of HANDLES) {
      context.fillStyle = "#ffffff";
      context.fillRect(x1 + u * w - 4, y1 + v * h - 4, 8, 8);
      context.lineWidth = 1.5;
      context.strokeStyle = ACCENT;
      context.strokeRect(x1 + u * w - 4, y1 + v * h - 4, 8, 8);
    }
  }

  function drawBar(scale, lines) {
    const lut = bytes(model.get("lut"));
    const gradient = context.createLinearGradient(0, 0, shownW, 0);
    for (let i = 1; i < 256; i += 6) gradient.addColorStop((i - 1) / 254, `rgb(${lut[3 * i]},${lut[3 * i + 1]},${lut[3 * i + 2]})`);
    context.fillStyle = gradient;
    context.fillRect(0, shownH + 6, shownW, 12);
    context.fillStyle = INK;
    context.font = "11px sans-serif";
    context.textBaseline = "top";
    for (const [key, x, align] of [["low", 0, "left"], ["mid", shownW / 2, "center"], ["high", shownW, "right"]]) {
      context.textAlign = align;
      if (scale[key] !== undefined) context.fillText(scale[key], x, shownH + 22);
    }
    context.textAlign = "left";
    lines.forEach((line, row) => context.fillText(line, 0, shownH + 37 + 14 * row));
  }

  function broken(text) {
    context.font = "11px sans-serif";
    const lines = [];
    for (const word of text.split(" ")) {
      const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
      if (lines.length && context.measureText(longer).width <= shownW) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  function draw() {
    asked = 0;
    // The keys of the controls beside it as well: JupyterLab would move between cells.
    for (const each of canvas.closest(".jp-OutputArea-output")?.querySelectorAll(CONTROLS) ?? [])
      each.dataset.lmSuppressShortcuts = "true";
    const [H, W] = size();
    per = Math.min(model.get("width") / W, model.get("height") / H);
    shownW = Math.max(1, Math.round(W * per));
    shownH = Math.max(1, Math.round(H * per));
    const scale = model.get("scale"), hasBar = layer && scale.label !== undefined;
    const lines = hasBar ? broken(scale.label) : [];
    const tall = shownH + (hasBar ? 38 + 14 * lines.length : 0), dense = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(shownW * dense) || canvas.height !== Math.round(tall * dense)) {
      canvas.width = Math.round(shownW * dense);
      canvas.height = Math.round(tall * dense);
      canvas.style.width = `${shownW}px`;
      canvas.style.height = `${tall}px`;
    }
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, shownW, tall);
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, shownW, tall);
    const opacity = model.get("opacity"), covered = layer && opacity > 0;
    const below = covered && model.get("grey") ? grey : colour;
    if (below) context.drawImage(below, 0, 0, shownW, shownH);
    context.save();
    context.beginPath();
    context.rect(0, 0, shownW, shownH);
    context.clip();
    if (covered) {
      const [x1, y1, x2, y2] = model.get("layer_box").length ? model.get("layer_box") : [0, 0, W, H];
      context.globalAlpha = opacity;
      context.imageSmoothingEnabled = false; // a pixel of the map is what it is
      context.drawImage(layer, x1 * per, y1 * per, (x2 - x1) * per, (y2 - y1) * per);
      context.globalAlpha = 1;
      context.imageSmoothingEnabled = true;
      if (contour) {
        const placed = new Path2D();
        placed.addPath(contour, new DOMMatrix([(x2 - x1) * per, 0, 0, (y2 - y1) * per, x1 * per, y1 * per]));
        stroke(placed, "#000000", 2.5);
        stroke(placed, "#ffffff", 1);
      }
    }
    for (const each of model.get("outlines")) {
      const path = new Path2D(), color = each.color || "#ffffff", dash = each.dash ? [6, 4] : [];
      let at;
      if (each.circle) {
        const [cx, cy, r] = each.circle.map((value) => value * per);
        path.arc(cx, cy, r, 0, 2 * Math.PI);
        at = [cx - r, cy - r];
      } else if (each.lines) {
        for (const [x1, y1, x2, y2] of each.lines) { path.moveTo(x1 * per, y1 * per); path.lineTo(x2 * per, y2 * per); }
        at = [0, 0];
      } else {
        const [x1, y1, x2, y2] = each.box.map((value) => value * per);
        path.rect(x1, y1, x2 - x1, y2 - y1);
        at = [x1, y1];
      }
      stroke(path, "rgba(0,0,0,.55)", (each.width || 1.5) + 1.5, dash);
      stroke(path, color, each.width || 1.5, dash);
      if (each.label) label(each.label, Math.min(at[0], shownW - 20), at[1], color);
    }
    if (crop.length === 4) drawCrop();
    if (aim) {
      const cross = new Path2D(), x = (aim[0] + 0.5) * per, y = (aim[1] + 0.5) * per;
      cross.moveTo(x - 8, y); cross.lineTo(x + 8, y); cross.moveTo(x, y - 8); cross.lineTo(x, y + 8);
      stroke(cross, "#000000", 3);
      stroke(cross, "#ffffff", 1);
    }
    context.restore();
    if (hasBar) drawBar(scale, lines);
    heading.textContent = model.get("title");
    heading.style.maxWidth = `${shownW}px`;
    const editable = model.get("editable"), pointed = model.get("pointed");
    canvas.setAttribute("role", editable || pointed ? "application" : "img");
    canvas.setAttribute("aria-label", model.get("alt") || model.get("title"));
    canvas.tabIndex = editable || pointed ? 0 : -1;
    canvas.style.touchAction = editable ? "none" : "auto"; // a swipe over a picture that cannot be dragged scrolls
    canvas.title = editable ? "Drag or use the arrow keys; Shift: ten times as far; + and −: size; C: circle"
      : pointed ? "Point, or use the arrow keys, to read values; Shift: ten times as far; Escape: none" : "";
    canvas.dataset.frame = String(++frames);
    clearTimeout(pause); // told when it is quiet: a message a frame would only get in the way of those that matter
    pause = setTimeout(() => send({ frame: frames }), 120);
  }

  // ---- telling Python: at most once a screen frame; the widget library holds a message back until the last is answered

  function send(changes) {
    Object.assign(outgoing, changes);
    sending ||= requestAnimationFrame(() => {
      sending = 0;
      for (const key of Object.keys(outgoing)) { model.set(key, outgoing[key]); delete outgoing[key]; }
      model.save_changes();
    });
  }

  function setCrop(next) {
    const rounded = locked() ? next : next.map(Math.round);
    if (rounded[2] - rounded[0] < 1 || rounded[3] - rounded[1] < 1) return;
    crop = rounded.map((value) => Math.round(value * 100) / 100);
    const [H, W] = size();
    crop[2] = Math.min(crop[2], W);
    crop[3] = Math.min(crop[3], H);
    send({ crop });
    ask();
  }

  // ---- mouse and touch

  function place(event) {
    const bounds = canvas.getBoundingClientRect();
    return [(event.clientX - bounds.left) / per, (event.clientY - bounds.top) / per];
  }

  function handleAt(x, y) {
    if (crop.length !== 4) return -1;
    const [x1, y1, x2, y2] = crop;
    return HANDLES.findIndex(([u, v]) =>
      Math.hypot(x1 + u * (x2 - x1) - x, y1 + v * (y2 - y1) - y) * per <= GRAB);
  }

  const within = (x, y) => crop.length === 4 && x >= crop[0] && x <= crop[2] && y >= crop[1] && y <= crop[3];
  const onPhoto = (x, y) => { const [H, W] = size(); return x >= 0 && y >= 0 && x < W && y < H; };

  function down(event) {
    const [x, y] = place(event);
    if (event.button !== 0 || !event.isPrimary || !onPhoto(x, y)) return; // a second finger does nothing
    if (canvas.tabIndex === 0) canvas.focus({ preventScroll: true });
    drag = { x, y, from: crop, kind: "click", moved: false };
    if (model.get("editable")) {
      const handle = handleAt(x, y);
      drag.kind = handle >= 0 ? "resize" : within(x, y) ? "move" : "new";
      drag.handle = handle;
      canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
  }

  function move(event) {
    const [x, y] = place(event), [H, W] = size();
    if (!event.isPrimary) return;
    if (drag && !event.buttons) up(event); // it was let go where nobody heard of it
    if (!drag) {
      if (model.get("editable")) {
        near = handleAt(x, y);
        canvas.style.cursor = near >= 0 ? `${CURSORS[near]}-resize` : within(x, y) ? "move" : "crosshair";
      }
      return point(onPhoto(x, y) ? [Math.round(x * 100) / 100, Math.round(y * 100) / 100] : []);
    }
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) * per < 4) return;
    drag.moved = true;
    if (drag.kind === "move") setCrop(moved(drag.from, x - drag.x, y - drag.y, W, H));
    if (drag.kind === "resize") setCrop(resized(drag.from, drag.handle, x, y, locked(), W, H));
    if (drag.kind === "new") {
      const u = x >= drag.x ? 1 : 0, v = y >= drag.y ? 1 : 0; // the corner that is drawn out
      const seed = [drag.x, drag.y, drag.x, drag.y];
      setCrop(resized(seed, HANDLES.findIndex(([a, b]) => a === u && b === v), x, y, locked(), W, H));
    }
  }

  function point(pointer) {
    if (!model.get("pointed")) return;
    if (aim) ask();
    aim = null;
    send({ pointer });
  }

  function up(event) {
    if (!event.isPrimary) return;
    if (drag && !drag.moved && event.type === "pointerup") {
      const count = (model.get("clicked")[2] || 0) + 1;
      send({ clicked: [Math.round(drag.x * 100) / 100, Math.round(drag.y * 100) / 100, count] });
    }
    drag = null;
    if (!outgoing.crop) crop = model.get("crop"); // Python may have set another meanwhile
    ask();
    if (canvas.hasPointerCapture(event.pointerId)) canvas.releasePointerCapture(event.pointerId);
  }

  // ---- keys

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(model.get("editable") ? edit(event) : model.get("pointed") && read(event))) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Move, grow or round the crop; whether the key means anything. */
  function edit({ key, shiftKey }) {
    if (crop.length !== 4) return false;
    const [H, W] = size(), [x1, y1, x2, y2] = crop, far = shiftKey ? 10 : 1;
    const steps = key === "-" && shiftKey ? -10 : ZOOM[key];
    if (ARROWS[key]) setCrop(moved(crop, ...ARROWS[key].map((each) => each * far), W, H));
    else if (steps) {
      const grown = (side) => {
        const scaled = side * Math.pow(1.05, steps);
        if (locked()) return scaled;
        return steps > 0 ? Math.max(scaled, side + 2) : Math.min(scaled, side - 2); // whole pixels: a key must do something
      };
      setCrop(fitted((x1 + x2) / 2, (y1 + y2) / 2, 0.5, 0.5, grown(x2 - x1), grown(y2 - y1), locked(), W, H));
    } else if (key === "c" || key === "C") {
      const circle = model.get("shape") !== "circle", side = Math.min(x2 - x1, y2 - y1);
      send({ shape: circle ? "circle" : "rectangle" });
      if (circle) setCrop(fitted((x1 + x2) / 2, (y1 + y2) / 2, 0.5, 0.5, side, side, 1, W, H));
      ask();
    } else return false;
    return true;
  }

  /** Point at a pixel of the photo by keys; whether the key means anything. */
  function read({ key, shiftKey }) {
    const [H, W] = size(), far = shiftKey ? 10 : 1;
    if (key === "Escape" && aim) aim = null;
    else if (ARROWS[key]) {
      const [x, y] = aim || (model.get("pointer").length ? model.get("pointer") : [W / 2, H / 2]).map(Math.floor);
      aim = [clamp(x + ARROWS[key][0] * far, 0, W - 1), clamp(y + ARROWS[key][1] * far, 0, H - 1)];
    } else return false;
    send({ pointer: aim || [] });
    ask();
    return true;
  }

  // ---- following Python

  const changed = {
    photo: () => { aim = null; readPhoto(); },
    layer: () => { readLayer(); ask(); },
    crop: () => { if (!drag) crop = model.get("crop"); ask(); },
  };
  for (const name of ["layer_size", "lut", "contour"]) changed[name] = changed.layer;
  const listeners = TOUCHED.map((name) => [`change:${name}`, changed[name] || ask]);
  for (const [name, listener] of listeners) model.on(name, listener);
  const events = [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up], ["keydown", key],
    ["pointerleave", () => { if (!drag) point([]); }]];
  for (const [name, listener] of events) canvas.addEventListener(name, listener);

  readLayer();
  readPhoto();
  ask();
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    cancelAnimationFrame(asked);
    cancelAnimationFrame(sending);
    clearTimeout(pause);
  };
}

export default { render };
