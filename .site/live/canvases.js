// The start, to draw on or to paint a hole into: the canvas of the notebooks (course_lib/widgets/canvas.js), without a
// kernel. It gets a small model, as an anywidget does.

import widget from "./canvas.js";

const SIDE = 128, SCALE = 4;

class Model {
  constructor(values) {
    Object.assign(this, { values, listeners: {} });
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    for (const act of this.listeners[`change:${name}`] ?? []) act();
  }

  on(names, act) {
    for (const name of names.split(" ")) (this.listeners[name] ??= new Set()).add(act);
  }

  off(names, act) {
    for (const name of names.split(" ")) this.listeners[name].delete(act);
  }

  save_changes() {}
  send() {}
}

// A canvas inside `el`. `drawn()` is called after each stroke; `layer` is what is drawn, as an address, or "".
export class Canvas {
  constructor(el, paints, description, drawn) {
    const brush = { tool: "brush", colour: "#000000", brush: paints === "mask" ? SIDE / 8 : SIDE / 16 };
    const nothing = { background: "", state: ["", 0], revision: 0 };
    this.model = new Model({ paints, description, size: SIDE, scale: SCALE, ...brush, ...nothing });
    const { initialize, render } = widget();
    initialize({ model: this.model });
    render({ model: this.model, el });
    this.model.on("change:state", () => {
      this.model.set("revision", this.model.get("revision") + 1);
      if (!this.silent) drawn();
    });
  }

  get layer() {
    return this.model.get("state")[0];
  }

  // Puts strokes there that can be undone, or none; tells nobody.
  put(layer) {
    this.silent = true;
    this.model.set("state", [layer, layer ? 1 : 0]);
    this.silent = false;
  }

  picture(url) {
    this.model.set("background", url);
  }
}
