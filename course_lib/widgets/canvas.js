// The canvas in the browser. Strokes are drawn here, at once, with the browser's own paths; at the end of each, one PNG
// goes to Python, which may be busy. course_lib/datasets/strokes.py draws the same shapes without a browser.

const TOOLS = { brush: "Brush", eraser: "Eraser", rectangle: "Rectangle", ellipse: "Ellipse" };
const LINES = ["brush", "eraser"]; // tools that follow the hand; the others fill a shape
const ICONS = {
  brush: "M3 13C8 4 9 14 17 5",
  eraser: "M3 12 10 5 15 10 8 17H6Z M3 17H17",
  rectangle: "M3 5H17V15H3Z",
  ellipse: "M3 10a7 5 0 1 0 14 0a7 5 0 1 0 -14 0",
  undo: "M8 3 4 7 8 11 M4 7H12a4 4 0 0 1 0 9H7",
  clear: "M4 4 16 16 M16 4 4 16",
};
const PALETTE = {
  black: "#000000", grey: "#808080", white: "#ffffff", red: "#d62728", orange: "#ff8c1a", yellow: "#ffdd33",
  green: "#2ca02c", "light blue": "#7ec8f0", blue: "#1f5fb4", brown: "#7b4a21", pink: "#f29bb8",
};
const KEYS = "Keys: arrows move the cursor, Shift with arrows by 5. Hold Space to paint, or press Enter to begin and " +
  "Enter to end. Escape gives up a stroke. Ctrl+Z undoes.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let views = 0; // so that every view has ids of its own

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The eraser takes away what is there, whatever its colour.
function trace(context, { tool, colour, width, path }) {
  const look = { strokeStyle: colour, fillStyle: colour, lineWidth: width, lineCap: "round", lineJoin: "round" };
  const globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
  Object.assign(context, { ...look, globalCompositeOperation });
  LINES.includes(tool) ? context.stroke(path) : context.fill(path);
  context.globalCompositeOperation = "source-over";
}

function make(kind, options = {}, parent = null) {
  const element = Object.assign(document.createElement(kind), options);
  for (const [name, value] of Object.entries(options)) if (name.includes("-")) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

function surface(side, options = {}) {
  return make("canvas", { width: side, height: side, ...options }).getContext("2d", { willReadFrequently: true });
}

function decoded(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = url;
  });
}

// Stripes that are seen on any picture and with any colour vision.
function stripes(context, scale) {
  const side = clamp(2 * scale, 8, 14), tile = surface(side);
  tile.fillStyle = "rgba(0, 114, 178, 0.5)";
  tile.fillRect(0, 0, side, side);
  for (const [colour, shift] of [["rgba(255, 255, 255, 0.85)", 0], ["rgba(0, 0, 0, 0.75)", side / 4]]) {
    tile.strokeStyle = colour;
    tile.lineWidth = side / 8;
    tile.beginPath();
    for (const start of [-side, 0, side]) {
      tile.moveTo(start + shift - 2, side + 2);
      tile.lineTo(start + shift + side + 2, -2);
    }
    tile.stroke();
  }
  return context.createPattern(tile.canvas, "repeat");
}

class View {
  constructor(model, el, history) {
    Object.assign(this, { model, history, size: model.get("size"), scale: model.get("scale"), id: `canvas${views++}` });
    this.mask = model.get("paints") === "mask";
    this.cursor = [Math.floor(this.size / 2) + 0.5, Math.floor(this.size / 2) + 0.5];
    this.stroke = null;
    this.ready = Promise.resolve(); // when all layers that have come are decoded
    this.build(el);
    this.listen();
    this.showPicture();
    this.load();
    this.showTools();
  }

  // --- what is on the page

  build(el) {
    const { size, scale, id } = this, side = size * scale;
    const root = (this.root = make("div", { className: `course-canvas ${this.model.get("paints")}` }, el));
    root.style.setProperty("--side", `${side}px`);
    make("div", { className: "name", id: `${id}-name`, textContent: this.model.get("description"), title: KEYS }, root);
    const board = make("div", { className: "board" }, root);
    this.paper = surface(size, { className: "paper", "aria-hidden": "true" });
    const says = { role: "application", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-keys` };
    this.marks = surface(side, { className: "marks", tabIndex: 0, ...says });
    this.face = this.marks.canvas;
    board.append(this.paper.canvas, this.face);
    this.layer = surface(size); // what is drawn, without the stroke under way
    this.sheet = surface(size); // and with it
    this.stripes = stripes(this.marks, scale);
    this.buildTools(root);
    make("p", { className: "unseen", id: `${id}-keys`, textContent: KEYS }, root);
    this.said = make("div", { className: "unseen", role: "status", "aria-live": "polite" }, root);
  }

  buildTools(root) {
    const group = (label) => make("div", { className: "tools", role: "group", "aria-label": label }, root);
    const row = group("tools and steps");
    this.tools = {};
    for (const [name, label] of Object.entries(TOOLS)) {
      this.tools[name] = this.button(row, name, label, () => this.choose("tool", name));
    }
    this.undoButton = this.button(row, "undo", "Undo", () => this.undo());
    this.clearButton = this.button(row, "clear", "Clear", () => this.clear());
    const label = make("label", { className: "size", textContent: "Brush size" }, group("size"));
    const limits = { min: 1, max: Math.floor(this.size / 2), step: 1 };
    this.sizes = ["range", "number"].map((type) => make("input", { type, ...limits, "aria-label": "Brush size" }, label));
    for (const input of this.sizes) {
      input.addEventListener("input", () => {
        const width = clamp(Number(input.value), 1, limits.max);
        if (input.value !== "" && width) this.choose("brush", width);
      });
    }
    if (this.mask) return;
    const colours = group("colours");
    this.colours = Object.entries(PALETTE).map(([name, colour]) => {
      const swatch = make("button", { type: "button", className: "swatch", title: name, "aria-label": name }, colours);
      swatch.style.setProperty("--colour", colour);
      swatch.dataset.colour = colour;
      swatch.addEventListener("click", () => this.choose("colour", colour));
      return swatch;
    });
    this.own = make("input", { type: "color" }, make("label", { textContent: "Other" }, colours));
    this.own.addEventListener("input", () => this.choose("colour", this.own.value));
  }

  button(parent, icon, label, act) {
    const button = make("button", { type: "button", className: "tool", title: label, "aria-label": label }, parent);
    button.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[icon]}"/></svg>`;
    button.addEventListener("click", act);
    return button;
  }

  // --- what the person does

  listen() {
    this.changes = {
      "change:state": () => this.load(),
      "change:background": () => this.showPicture(),
      "change:tool change:colour change:brush": () => this.showTools(),
      "change:revision": () => (this.root.dataset.revision = this.model.get("revision")),
    };
    for (const [names, act] of Object.entries(this.changes)) this.model.on(names, act);
    this.root.dataset.revision = this.model.get("revision");
    const face = this.face;
    face.addEventListener("pointerdown", (event) => this.press(event));
    face.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      face.addEventListener(name, (event) => this.stroke?.pointer === event.pointerId && this.end());
    }
    face.addEventListener("pointerenter", () => this.hover(true));
    face.addEventListener("pointerleave", () => this.hover(false));
    face.addEventListener("focus", () => this.draw());
    face.addEventListener("blur", () => (this.end(), this.draw()));
    face.addEventListener("keydown", (event) => this.key(event));
    face.addEventListener("keyup", (event) => event.key === " " && this.stroke?.pointer === "Space" && this.end());
  }

  stop() {
    this.end();
    for (const [names, act] of Object.entries(this.changes)) this.model.off(names, act);
    this.root.remove();
  }

  at(event) {
    const box = this.face.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.size, ((event.clientY - box.top) / box.height) * this.size];
  }

  hover(inside) {
    this.inside = inside;
    this.draw();
  }

  press(event) {
    if (event.button !== 0 || !event.isPrimary || this.stroke) return;
    event.preventDefault();
    this.face.focus({ preventScroll: true });
    this.face.setPointerCapture(event.pointerId); // a stroke that leaves the canvas ends where the button is released
    this.cursor = this.at(event);
    this.begin(event.pointerId);
  }

  move(event) {
    if (this.stroke && this.stroke.pointer !== event.pointerId) return;
    const path = this.stroke ? (event.getCoalescedEvents?.() ?? []) : [];
    for (const step of path.length ? path : [event]) {
      this.cursor = this.at(step);
      if (this.stroke) this.extend();
    }
    this.draw();
  }

  key(event) {
    const arrow = ARROWS[event.key], undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (!(arrow || undo || [" ", "Enter", "Escape"].includes(event.key)) || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (arrow) this.walk(arrow, event.shiftKey ? 5 : 1);
    else if (undo) this.undo();
    else if (event.key === "Escape") this.giveUp();
    else if (!event.repeat && this.stroke) event.key === "Enter" && this.end();
    else if (!event.repeat) this.begin(event.key === " " ? "Space" : "Enter");
  }

  walk([across, down], length) {
    const step = (place, by) => clamp(Math.floor(place) + 0.5 + by * length, 0.5, this.size - 0.5);
    this.cursor = [step(this.cursor[0], across), step(this.cursor[1], down)];
    if (this.stroke) this.extend();
    this.draw();
    this.say(`column ${Math.ceil(this.cursor[0])}, row ${Math.ceil(this.cursor[1])}`);
  }

  choose(name, value) {
    this.model.set(name, value);
    if (name === "colour" && this.model.get("tool") === "eraser") this.model.set("tool", "brush");
    this.model.save_changes();
  }

  undo() {
    this.end();
    this.ready = this.ready.then(() => {
      const [, depth] = this.model.get("state"), before = this.history[depth - 1];
      if (depth && before === undefined) this.model.send("undo"); // drawn before this page was opened
      else if (depth) this.tell(before, depth - 1);
    });
  }

  clear() {
    this.end();
    this.ready = this.ready.then(() => {
      const [layer, depth] = this.model.get("state");
      if (layer) this.tell("", depth + 1);
    });
  }

  // --- a stroke, from its beginning to its end

  begin(pointer) {
    const tool = this.model.get("tool"), colour = this.mask ? "#000000" : this.model.get("colour");
    const [x, y] = this.cursor, path = new Path2D();
    path.moveTo(x - 0.001, y); // to a browser a line of no length is no dot
    this.stroke = { pointer, tool, colour, width: this.model.get("brush"), from: this.cursor, path };
    this.extend();
    this.draw();
  }

  extend() {
    const { pointer, tool, from, path } = this.stroke, [x, y] = this.cursor;
    if (LINES.includes(tool)) return path.lineTo(x, y);
    // A shape begun with the keys reaches from pixel to pixel, both included.
    const half = typeof pointer === "string" ? 0.5 : 0, middle = [(from[0] + x) / 2, (from[1] + y) / 2];
    const across = Math.abs(from[0] - x) / 2 + half, down = Math.abs(from[1] - y) / 2 + half;
    const shape = (this.stroke.path = new Path2D());
    if (tool === "ellipse") shape.ellipse(...middle, across, down, 0, 0, 2 * Math.PI);
    else shape.rect(middle[0] - across, middle[1] - down, 2 * across, 2 * down);
  }

  giveUp() {
    this.stroke = null;
    this.draw();
  }

  end() {
    const stroke = this.stroke;
    if (!stroke) return;
    this.stroke = null;
    this.ready = this.ready.then(() => {
      trace(this.layer, stroke);
      const drawn = this.layer.canvas.toDataURL(); // toBlob takes far longer
      if (drawn === this.drawn) return this.draw(); // nothing was hit
      this.shown = this.drawn = drawn;
      this.tell(drawn, this.model.get("state")[1] + 1);
    });
  }

  tell(layer, depth) {
    this.model.set("state", [layer, depth]);
    this.model.save_changes();
  }

  // --- what is shown

  load() {
    this.ready = this.ready.then(async () => {
      const [layer, depth] = this.model.get("state");
      this.undoButton.disabled = !depth;
      this.clearButton.disabled = !layer;
      if (layer === this.shown) return this.draw();
      const image = layer && (await decoded(layer));
      this.layer.clearRect(0, 0, this.size, this.size);
      if (image) this.layer.drawImage(image, 0, 0);
      this.shown = layer;
      this.drawn = this.layer.canvas.toDataURL();
      this.draw();
    }).catch(() => this.say("The drawing could not be read."));
  }

  async showPicture() {
    const url = this.model.get("background"), picture = url ? await decoded(url) : null;
    if (url !== this.model.get("background")) return; // a newer one has come
    this.picture = picture;
    this.draw();
  }

  showTools() {
    const [tool, colour, brush] = ["tool", "colour", "brush"].map((name) => this.model.get(name));
    for (const [name, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", name === tool);
    for (const input of this.sizes) if (Number(input.value) !== brush) input.value = brush;
    for (const swatch of this.colours ?? []) swatch.setAttribute("aria-pressed", swatch.dataset.colour === colour);
    if (this.own) this.own.value = colour;
    this.draw();
  }

  draw() {
    const { size, scale, paper, marks, sheet } = this, side = size * scale;
    sheet.clearRect(0, 0, size, size);
    sheet.drawImage(this.layer.canvas, 0, 0);
    if (this.stroke) trace(sheet, this.stroke);
    paper.fillStyle = "white";
    paper.fillRect(0, 0, size, size);
    if (this.picture) paper.drawImage(this.picture, 0, 0, size, size);
    marks.clearRect(0, 0, side, side);
    if (this.mask) this.hatch();
    else paper.drawImage(sheet.canvas, 0, 0);
    if (this.inside || document.activeElement === this.face || this.stroke) this.drawCursor();
  }

  // The pixels of the mask: those of which more than half is painted.
  hatch() {
    const { size, sheet, marks } = this, side = size * this.scale;
    const pixels = sheet.getImageData(0, 0, size, size);
    for (let at = 3; at < pixels.data.length; at += 4) pixels.data[at] = pixels.data[at] > 127 ? 255 : 0;
    sheet.putImageData(pixels, 0, 0);
    Object.assign(marks, { imageSmoothingEnabled: false, fillStyle: this.stripes });
    marks.drawImage(sheet.canvas, 0, 0, side, side);
    marks.globalCompositeOperation = "source-in";
    marks.fillRect(0, 0, side, side);
    marks.globalCompositeOperation = "source-over";
  }

  // A ring as wide as the brush, or a cross: white on black, to be seen on anything.
  drawCursor() {
    const { marks, scale } = this, [x, y] = this.cursor.map((place) => place * scale);
    const round = LINES.includes(this.model.get("tool"));
    const radius = round ? Math.max((this.model.get("brush") / 2) * scale, 4) : 10;
    for (const [colour, width] of [["black", 4], ["white", 2]]) {
      marks.strokeStyle = colour;
      marks.lineWidth = width;
      marks.beginPath();
      if (round) marks.arc(x, y, radius, 0, 2 * Math.PI);
      for (const [dx, dy] of round ? [] : [[radius, 0], [0, radius]]) {
        marks.moveTo(x - dx, y - dy);
        marks.lineTo(x + dx, y + dy);
      }
      marks.stroke();
    }
  }

  say(text) {
    this.said.textContent = text;
  }
}

// One history for all views of a canvas: the layers as addresses, the newest at the depth that the model says.
export default () => {
  const history = [];
  return {
    initialize({ model }) {
      const remember = () => {
        const [layer, depth] = model.get("state");
        history.length = depth;
        history[depth] = layer;
      };
      model.on("change:state", remember);
      remember();
    },
    render({ model, el }) {
      const view = new View(model, el, history);
      return () => view.stop();
    },
  };
};
