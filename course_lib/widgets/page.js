// What a demo needs of the page beside its widgets: full screen, the next preset by one key, texts of its pictures,
// and that the notebook keeps its last pictures.

const NEXT = { PageDown: 1, n: 1, PageUp: -1, p: -1 }; // a presenter's clicker sends PageDown and PageUp
const WIDGETS = "application/vnd.jupyter.widget-state+json"; // where a notebook keeps them, in its metadata
const IDS = /(?:IPY_MODEL_|"model_id":")(\w+)/g; // of the widgets inside a widget or an output

// JupyterLab saves the widgets of the kernel that runs, those of earlier runs of a cell, too, and no others. But a
// notebook shall keep what its cells show, so that it opens with its last pictures tomorrow, and the day after.
function initialize({ model }) {
  const manager = model.widget_manager, { model: notebook, sessionContext } = manager?.context ?? {};
  if (!notebook?.getMetadata || Object.hasOwn(manager, "get_state_sync")) return; // no JupyterLab, or done already
  const { get_state_sync: stateOfKernel, disconnect } = manager;
  let kept = notebook.getMetadata("widgets")?.[WIDGETS]?.state ?? {};
  manager.get_state_sync = (options) => {
    const saved = stateOfKernel.call(manager, options), known = { ...kept, ...saved.state };
    kept = {};
    const keep = (shown) => [...JSON.stringify(shown).matchAll(IDS)].forEach(([, id]) => {
      if (id in known && !(id in kept)) keep((kept[id] = known[id]).state);
    });
    keep(notebook.toJSON().cells);
    return { ...saved, state: kept };
  };
  manager.disconnect = () => (manager.get_state_sync({ drop_defaults: true }), disconnect.call(manager));
  sessionContext.kernelChanged.connect(() => manager.disconnect());
  sessionContext.statusChanged.connect((_, status) => status === "autorestarting" && manager.disconnect());
}

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button widget-button";
  button.innerHTML = '<i class="fa fa-expand" aria-hidden="true"></i>';
  el.append(button);
  const demo = () => el.closest(".course-player");
  const large = () => document.fullscreenElement && document.fullscreenElement === demo();

  const label = () => {
    button.ariaLabel = large() ? "Small" : "Large";
    button.title = large() ? "Back to the notebook; Escape does the same" : "Show this demo alone on the screen. There, "
      + "PageDown or n plays the next preset, PageUp or p the one before";
  };
  const describe = () => {
    const pictures = demo()?.querySelectorAll(".sheet img.widget-image") ?? [];
    pictures.forEach((picture, place) => { picture.alt = model.get("alts")[place] ?? ""; });
    for (const slider of demo()?.querySelectorAll(".widget-slider") ?? []) {
      slider.querySelector(".noUi-handle").ariaLabel = slider.querySelector(".widget-label").textContent;
    }
  };
  const key = (event) => {
    const step = large() && !event.ctrlKey && !event.altKey && !event.metaKey && NEXT[event.key];
    const presets = step ? [...demo().querySelectorAll(".preset")] : [];
    if (!presets.length) return;
    event.preventDefault();
    event.stopPropagation();
    const now = presets.findIndex((preset) => preset.classList.contains("mod-info"));
    presets[now < 0 && step < 0 ? presets.length - 1 : (now + step + presets.length) % presets.length].click();
  };

  button.addEventListener("click", () => (large() ? document.exitFullscreen() : demo().requestFullscreen()));
  document.addEventListener("fullscreenchange", label);
  document.addEventListener("keydown", key, true); // before JupyterLab's own keys, and those of a slider
  model.on("change:alts", describe);
  label();
  requestAnimationFrame(describe); // the widgets around are there by then
  return () => {
    document.removeEventListener("fullscreenchange", label);
    document.removeEventListener("keydown", key, true);
    model.off("change:alts", describe);
  };
}
export default { initialize, render };
