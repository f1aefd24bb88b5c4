// A chart that Python draws as SVG, with points that mouse and keys choose; see scatter.py.

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.tabIndex = 0;
  frame.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys stay out of it
  frame.style.cssText = "outline-offset:2px;display:inline-block";
  frame.title = "Click a point, or use the arrow keys";
  el.append(frame);

  const draw = () => {
    frame.innerHTML = model.get("svg");
    frame.dataset.selected = String(model.get("selected"));
    frame.setAttribute("role", "application");
    frame.setAttribute("aria-label", model.get("alt"));
    for (const point of frame.querySelectorAll("[data-index]")) point.style.cursor = "pointer";
  };

  function choose(index) {
    model.set("selected", index);
    model.save_changes();
  }

  function click(event) {
    const bounds = frame.querySelector("svg").getBoundingClientRect();
    let best = null, least = 14; // CSS pixels: a finger need not hit the point
    for (const point of frame.querySelectorAll("[data-index]")) {
      const box = point.getBoundingClientRect();
      const away = Math.hypot(event.clientX - (box.left + box.right) / 2, event.clientY - (box.top + box.bottom) / 2);
      if (bounds.width && away < least) [best, least] = [point, away];
    }
    frame.focus({ preventScroll: true });
    if (best) choose(Number(best.dataset.index));
  }

  function key(event) {
    const order = model.get("order"), place = order.indexOf(model.get("selected"));
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!order.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) choose(order[place < 0 ? (step > 0 ? 0 : order.length - 1) : Math.max(0, Math.min(order.length - 1, place + step))]);
    else if (event.key === "Home") choose(order[0]);
    else if (event.key === "End") choose(order[order.length - 1]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const names = ["svg", "alt", "selected"];
  for (const name of names) model.on(`change:${name}`, draw);
  frame.addEventListener("click", click);
  frame.addEventListener("keydown", key);
  draw();
  return () => { for (const name of names) model.off(`change:${name}`, draw); };
}

export default { render };
