// What a demo needs of the page beside its widgets: to stand alone on the screen, the next preset by one key, also where
// a lecture's plan goes on in another notebook, texts of its pictures, and that the notebook keeps its last pictures.

const NEXT = { PageDown: 1, n: 1, PageUp: -1, p: -1 }; // a presenter's clicker sends PageDown and PageUp
const WIDGETS = "application/vnd.jupyter.widget-state+json"; // where a notebook keeps them, in its metadata
const IDS = /(?:IPY_MODEL_|"model_id":")(\w+)/g; // of the widgets inside a widget or an output

// anywidget 0.11 waits 2 s for a widget's module; on a slow machine a model that took longer would never hear from Python
// again. This makes all of them hear: those that are there, and, as they share the method that waits, those to come.
function hear(manager) {
  if (!manager?._models || manager.hears) return;
  manager.hears = true;
  Object.values(manager._models).forEach((known) => known.then((model) => {
    const kind = Object.getPrototypeOf(model), waiting = kind._handle_comm_msg;
    if (model.get("_model_module") !== "anywidget") return;
    const plain = Object.getPrototypeOf(kind)._handle_comm_msg;
    kind._handle_comm_msg = waiting.patient ? waiting : function (...message) {
      return waiting.apply(this, message).catch(() => plain.apply(this, message));
    };
    kind._handle_comm_msg.patient = true;
    model.comm?.on_msg(model._handle_comm_msg.bind(model));
  }));
}

// JupyterLab saves the widgets of the kernel that runs, those of earlier runs of a cell, too, and no others. But a
// notebook shall keep what its cells show, so that it opens with its last pictures tomorrow, and the day after.
function initialize({ model }) {
  hear(model.widget_manager);
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

// --- a lecture: one demo alone on the screen, and the plan from preset to preset

const presetsOf = (demo) => [...(demo?.querySelectorAll(".preset") ?? [])];
const READY = ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status=idle]";
const named = (demo, name) => presetsOf(demo).find((preset) => preset.textContent.trim() === name);
const opening = () => document.querySelector(".course-opening"); // the sign while another notebook opens
const visible = (selector) => [...document.querySelectorAll(selector)].find((each) => each.checkVisibility());
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function raise(element) { // above all else, whatever contains it, and above the page, which full screen raises later
  Object.assign(element, { popover: "manual" }).showPopover();
  const again = () => element.matches(":popover-open") && (element.hidePopover(), element.showPopover());
  if (!document.fullscreenElement) document.documentElement.requestFullscreen().then(again, () => {}); // some pages may not
}

function lower(element) {
  if (element?.matches(":popover-open")) element.hidePopover();
  element?.removeAttribute("popover");
}

// JupyterLab runs the command of a link that a person clicks; in a notebook that she has not run, it asks her first.
function command(place, name, options = {}) {
  const link = document.createElement("a");
  Object.assign(link.dataset, { commandlinkerCommand: name, commandlinkerArgs: JSON.stringify(options) });
  place.append(link);
  link.click();
  link.remove();
}

// The demo with this preset in the notebook in front, which draws only the cells near the screen.
async function found(preset) {
  const live = () => [...document.querySelectorAll(".course-player:not(.jupyter-widgets-disconnected)")]
    .find((demo) => demo.checkVisibility() && named(demo, preset));
  const outer = visible(".jp-WindowedPanel-outer");
  for (let top = 0; !live() && outer && top < outer.scrollHeight; top += outer.clientHeight / 2) {
    outer.scrollTop = top;
    await pause(60);
  }
  return live();
}

// Shows a step of the plan as soon as its demo is there; where its notebook is not open, that opens and runs first.
async function show({ notebook, preset }, before, path) {
  const elsewhere = !path.endsWith(notebook), panel = visible(".jp-NotebookPanel"), trusted = before.closest(".jp-Notebook");
  const sign = document.createElement("div");
  Object.assign(sign, { className: "course-opening", textContent: `The cells of ${notebook} run …` });
  if (elsewhere) {
    lower(before);
    command(trusted, "docmanager:open", { path: path.replace(/[^/]*$/, notebook) });
    while (!visible(".jp-NotebookPanel .jp-Cell") || visible(".jp-NotebookPanel") === panel) await pause(100);
  }
  document.body.append(sign);
  raise(sign);
  let demo = await found(preset);
  for (let asked = false; !demo && sign.isConnected; demo = await found(preset)) {
    const idle = visible(READY);
    if (idle && !elsewhere) break; // nothing runs that could bring it
    if (idle && !asked) asked = !command(trusted, "notebook:run-all-cells");
    await pause(500);
  }
  const left = !sign.isConnected; // the lecture
  sign.remove();
  if (left || !demo) return;
  if (demo !== before) lower(before);
  if (!demo.matches(":popover-open")) raise(demo);
  named(demo, preset).click();
}

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button widget-button";
  button.innerHTML = '<i class="fa fa-expand" aria-hidden="true"></i>';
  el.append(button);
  const demo = () => el.closest(".course-player");
  const large = () => demo()?.matches(":popover-open");

  const label = () => {
    button.ariaLabel = large() ? "Small" : "Large";
    button.title = large() ? "Back to the notebook; Escape does the same" : "Show this demo alone on the screen. There, "
      + "PageDown or n plays the next preset, PageUp or p the one before; the plan goes on in other notebooks";
  };
  const describe = () => {
    const pictures = demo()?.querySelectorAll(".sheet img.widget-image") ?? [];
    pictures.forEach((picture, place) => { picture.alt = model.get("alts")[place] ?? ""; });
    for (const slider of demo()?.querySelectorAll(".widget-slider") ?? []) {
      slider.querySelector(".noUi-handle").ariaLabel = slider.querySelector(".widget-label").textContent;
    }
  };
  const step = (by) => {
    const presets = presetsOf(demo()), plan = model.get("plan"), path = model.widget_manager?.context?.path ?? "";
    const name = (preset) => preset?.textContent.trim();
    const now = presets.findIndex((preset) => preset.classList.contains("mod-info"));
    const planned = (preset) => plan.findIndex((each) => path.endsWith(each.notebook) && each.preset === name(preset));
    const place = planned(presets[now]), first = presets.find((preset) => planned(preset) >= 0);
    const fresh = demo().querySelector(".status").textContent.startsWith("Ready"); // nothing has been played yet
    if (by > 0 && (fresh || now < 0) && (first || now >= 0)) (place >= 0 || !first ? presets[now] : first).click();
    else if (place >= 0) plan[place + by] && show(plan[place + by], demo(), path);
    else presets[now < 0 && by < 0 ? presets.length - 1 : (now + by + presets.length) % presets.length]?.click();
  };
  const key = (event) => {
    const by = (large() || opening()) && !event.ctrlKey && !event.altKey && !event.metaKey && (NEXT[event.key] ?? event.key === "Escape");
    if (!by) return; // not a key of a lecture
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") leave();
    else if (!opening()) step(by);
  };
  const leave = () => {
    lower(demo());
    opening()?.remove();
    if (document.fullscreenElement) document.exitFullscreen();
  };
  const changed = () => document.fullscreenElement || leave();

  button.addEventListener("click", () => (large() ? leave() : raise(demo())));
  document.addEventListener("fullscreenchange", changed);
  document.addEventListener("keydown", key, true); // before JupyterLab's own keys, and those of a slider
  model.on("change:alts", describe);
  label();
  requestAnimationFrame(() => { // the widgets around are there by then
    describe();
    demo()?.addEventListener("toggle", label);
  });
  return () => {
    document.removeEventListener("fullscreenchange", changed);
    document.removeEventListener("keydown", key, true);
    model.off("change:alts", describe);
  };
}
export default { initialize, render };
