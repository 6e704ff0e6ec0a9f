// The canvas in the browser. Strokes are drawn here, at once; at the end of each, one PNG goes to Python, which may be
// busy. A pixel is covered by clamp(1/2 - distance of its centre from the shape's edge), as in course_lib/datasets/strokes.py.

const TOOLS = { brush: "Brush", eraser: "Eraser", rectangle: "Rectangle", ellipse: "Ellipse" };
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

function toSegment([ax, ay], [bx, by], radius) {
  const across = bx - ax, down = by - ay, square = across * across + down * down;
  return (x, y) => {
    const along = square ? clamp(((x - ax) * across + (y - ay) * down) / square, 0, 1) : 0;
    const dx = x - ax - along * across, dy = y - ay - along * down;
    return Math.sqrt(dx * dx + dy * dy) - radius;
  };
}

function toRectangle([left, top, right, bottom]) {
  return (x, y) => Math.max(Math.max(left - x, x - right), Math.max(top - y, y - bottom));
}

function toEllipse([left, top, right, bottom]) {
  const across = (right - left) / 2, down = (bottom - top) / 2;
  return (x, y) => {
    const u = (x - (left + right) / 2) / across, v = (y - (top + bottom) / 2) / down;
    const k = Math.sqrt(u * u + v * v);
    const slope = Math.sqrt((u / across) * (u / across) + (v / down) * (v / down));
    return slope > 0 ? ((k - 1) * k) / slope : -Math.min(across, down);
  };
}

// Draws what is covered over the pixels (RGBA), or takes it away where the colour is null. Changes the pixels.
function paint(pixels, cover, colour) {
  for (let at = 0; at < cover.length; at++) {
    if (!cover[at]) continue;
    const below = (pixels[4 * at + 3] / 255) * (1 - cover[at]);
    const alpha = colour ? cover[at] + below : below;
    for (let channel = 0; colour && channel < 3; channel++) {
      const mixed = (cover[at] * colour[channel] + below * pixels[4 * at + channel]) / alpha;
      pixels[4 * at + channel] = Math.floor(mixed + 0.5);
    }
    pixels[4 * at + 3] = Math.floor(255 * alpha + 0.5);
  }
}

function make(kind, options = {}, parent = null) {
  const element = Object.assign(document.createElement(kind), options);
  for (const [name, value] of Object.entries(options)) if (name.includes("-")) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

function surface(width, height = width) {
  const canvas = make("canvas", { width, height });
  return canvas.getContext("2d", { willReadFrequently: true });
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
    this.pixels = new Uint8ClampedArray(4 * this.size * this.size); // the layer, without the stroke under way
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
    const root = (this.root = make("div", { className: "course-canvas" }, el));
    root.style.setProperty("--side", `${side}px`);
    make("div", { className: "name", id: `${id}-name`, textContent: this.model.get("description") }, root);
    const board = make("div", { className: "board" }, root);
    board.style.width = board.style.height = `${side}px`;
    this.paper = surface(size);
    this.paper.canvas.className = "paper";
    this.paper.canvas.setAttribute("aria-hidden", "true");
    this.marks = surface(side);
    this.face = Object.assign(this.marks.canvas, { className: "marks", tabIndex: 0 });
    const says = { role: "application", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-keys` };
    for (const [name, value] of Object.entries(says)) this.face.setAttribute(name, value);
    board.append(this.paper.canvas, this.face);
    this.scratch = surface(size);
    this.overlay = surface(side);
    this.stripes = stripes(this.overlay, scale);
    this.buildTools(root);
    make("p", { className: "keys", id: `${id}-keys`, textContent: KEYS }, root);
    this.said = make("div", { className: "unseen", role: "status", "aria-live": "polite" }, root);
  }

  buildTools(root) {
    const group = (label) => make("div", { className: "tools", role: "group", "aria-label": label }, root);
    const row = group("tools");
    this.tools = {};
    for (const [name, label] of Object.entries(TOOLS)) {
      this.tools[name] = this.button(row, name, label, () => this.choose("tool", name));
    }
    const second = group("size and steps");
    this.undoButton = this.button(second, "undo", "Undo", () => this.undo());
    this.clearButton = this.button(second, "clear", "Clear", () => this.clear());
    const label = make("label", { className: "size", textContent: "Brush size" }, second);
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
    const button = make("button", { type: "button", className: "tool" }, parent);
    button.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[icon]}"/></svg>`;
    button.append(label);
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
    const nearest = new Float64Array(this.size * this.size).fill(Infinity);
    const tool = this.model.get("tool"), colour = this.mask ? "#000000" : this.model.get("colour");
    this.stroke = { pointer, tool, colour, from: this.cursor, last: this.cursor, nearest };
    this.extend();
    this.draw();
  }

  extend() {
    const { tool, from, last, nearest } = this.stroke, [x, y] = this.cursor;
    this.stroke.last = this.cursor;
    if (tool === "brush" || tool === "eraser") {
      const radius = this.model.get("brush") / 2;
      this.measure(toSegment(last, this.cursor, radius), last, this.cursor, radius + 1);
      return;
    }
    // A shape begun with the keys reaches from pixel to pixel, both included.
    const half = typeof this.stroke.pointer === "string" ? 0.5 : 0;
    const box = [Math.min(from[0], x) - half, Math.min(from[1], y) - half, Math.max(from[0], x) + half];
    box.push(Math.max(from[1], y) + half);
    nearest.fill(Infinity);
    if (box[0] >= box[2] || box[1] >= box[3]) return;
    this.measure((tool === "ellipse" ? toEllipse : toRectangle)(box), from, this.cursor, 2);
  }

  // Lower the distances around a box with these corners.
  measure(distance, [ax, ay], [bx, by], reach) {
    const { size, stroke } = this, limit = (place) => clamp(Math.round(place), 0, size);
    for (let row = limit(Math.min(ay, by) - reach); row < limit(Math.max(ay, by) + reach); row++) {
      for (let column = limit(Math.min(ax, bx) - reach); column < limit(Math.max(ax, bx) + reach); column++) {
        const at = row * size + column;
        stroke.nearest[at] = Math.min(stroke.nearest[at], distance(column + 0.5, row + 0.5));
      }
    }
  }

  painted(stroke) {
    const pixels = this.pixels.slice();
    if (!stroke) return pixels;
    const parts = [1, 3, 5].map((start) => parseInt(stroke.colour.slice(start, start + 2), 16));
    const cover = stroke.nearest.map((distance) => clamp(0.5 - distance, 0, 1));
    paint(pixels, cover, stroke.tool === "eraser" ? null : parts);
    return pixels;
  }

  giveUp() {
    this.stroke = null;
    this.draw();
  }

  end() {
    const stroke = this.stroke;
    if (!stroke) return;
    if (!stroke.nearest.some((distance) => distance < 0.5)) return this.giveUp(); // nothing was hit
    this.ending = stroke; // is shown until it is part of the layer
    this.stroke = null;
    this.ready = this.ready.then(() => {
      this.scratch.putImageData(new ImageData(this.painted(stroke), this.size), 0, 0);
      this.pixels = this.scratch.getImageData(0, 0, this.size, this.size).data;
      if (this.ending === stroke) this.ending = null;
      this.shown = this.scratch.canvas.toDataURL("image/png"); // toBlob takes far longer
      this.tell(this.shown, this.model.get("state")[1] + 1);
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
      this.shown = layer;
      this.scratch.clearRect(0, 0, this.size, this.size);
      if (image) this.scratch.drawImage(image, 0, 0);
      this.pixels = this.scratch.getImageData(0, 0, this.size, this.size).data;
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
    const { size, scale, paper, marks } = this, side = size * scale;
    const pixels = this.painted(this.stroke ?? this.ending);
    paper.fillStyle = "white";
    paper.fillRect(0, 0, size, size);
    if (this.picture) paper.drawImage(this.picture, 0, 0, size, size);
    marks.clearRect(0, 0, side, side);
    if (this.mask) for (let at = 3; at < pixels.length; at += 4) pixels[at] = pixels[at] > 127 ? 255 : 0;
    const scratch = this.sheet ??= surface(size);
    scratch.putImageData(new ImageData(pixels, size), 0, 0);
    if (this.mask) this.hatch(scratch.canvas);
    else paper.drawImage(scratch.canvas, 0, 0);
    if (this.inside || document.activeElement === this.face || this.stroke) this.drawCursor();
  }

  hatch(mask) {
    const { overlay, marks } = this, side = this.size * this.scale;
    overlay.globalCompositeOperation = "source-over";
    overlay.clearRect(0, 0, side, side);
    overlay.imageSmoothingEnabled = false;
    overlay.drawImage(mask, 0, 0, side, side);
    overlay.globalCompositeOperation = "source-in";
    overlay.fillStyle = this.stripes;
    overlay.fillRect(0, 0, side, side);
    marks.drawImage(overlay.canvas, 0, 0);
  }

  // A ring as wide as the brush, or a cross: white on black, to be seen on anything.
  drawCursor() {
    const { marks, scale } = this, [x, y] = this.cursor.map((place) => place * scale);
    const round = ["brush", "eraser"].includes(this.model.get("tool"));
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
