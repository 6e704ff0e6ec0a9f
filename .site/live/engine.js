// A robust network in the browser: its weights, the network and its input gradient, projected gradient descent.
//
// What course_lib/models.py, tasks.py and pgd.py do with PyTorch, in float32 with the kernels of kernels.c. An image is
// a Float32Array of 3 * side * side values in [0, 1], channel by channel.

const TINY = 1e-12; // keeps 0 / 0 out: a zero gradient gives a zero direction
const READERS = { F32: Float32Array, F16: Uint16Array, I8: Int8Array, I64: BigInt64Array };
const ceil4 = (channels) => Math.ceil(channels / 4) * 4;

// [of(0), of(1), ...] as float32; `total` is their sum, in double precision.
function floats(count, of) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = of(i);
  return values;
}

function total(count, of) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += of(i);
  return sum;
}

function expect(holds, expected, got) {
  if (!holds) throw new Error(`expected ${expected}, got ${got}`);
}

// --- weight files

// The numbers of half precision: a sign, 5 bits of exponent, 10 of fraction.
const HALVES = floats(65536, (bits) => {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
});

// Name -> {shape, values} of a safetensors file: the header's length, the header in JSON, the tensors' bytes.
function readTensors(file) {
  const bytes = new Uint8Array(file.buffer ?? file, file.byteOffset ?? 0, file.byteLength);
  const what = "a whole safetensors file";
  expect(bytes.length >= 8, what, `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = 8 + Number(view.getBigUint64(0, true));
  expect(start <= bytes.length, what, `a header that ends at byte ${start} of ${bytes.length}`);
  let header;
  try {
    header = Object.entries(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start))));
  } catch {
    expect(false, what, "a header that is no JSON");
  }
  return new Map(header.filter(([name]) => name !== "__metadata__").map(([name, entry]) =>
    [name, readTensor(name, entry, bytes.subarray(start))]));
}

function readTensor(name, entry, bytes) {
  const { dtype, shape, data_offsets: [from, to] = [] } = entry ?? {}, Reader = READERS[dtype];
  const whole = (value) => Number.isSafeInteger(value) && value >= 0;
  const sound = Object.hasOwn(READERS, dtype) && Array.isArray(shape) && [...shape, from, to].every(whole);
  const fits = sound && to <= bytes.length && to - from === shape.reduce((a, b) => a * b, Reader.BYTES_PER_ELEMENT);
  expect(fits, `a tensor ${name} inside its file`, JSON.stringify(entry).slice(0, 80));
  const stored = new Reader(bytes.slice(from, to).buffer);
  const values = floats(stored.length, dtype === "F16" ? (i) => HALVES[stored[i]] : (i) => Number(stored[i]));
  expect(Number.isFinite(total(values.length, (i) => values[i])), `finite numbers in ${name}`, "others");
  return { shape, values };
}

// --- the kernels

class Engine {
  static async start(wasm) {
    const { WebAssembly: machine } = globalThis;
    expect(machine?.validate(wasm), "a browser with WebAssembly SIMD", "one without: a newer one computes here");
    return new Engine((await machine.instantiate(wasm)).instance.exports);
  }

  constructor(kernels) {
    this.kernels = kernels;
    this.end = kernels.__heap_base.value;
  }

  // The address of so many new floats, all 0.
  allocate(count) {
    const address = Math.ceil(this.end / 16) * 16, memory = this.kernels.memory;
    this.end = address + 4 * count;
    const missing = this.end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return address;
  }

  // Floats of the kernels' memory. They are gone when it grows: not to be kept.
  floats(address, count) {
    return new Float32Array(this.kernels.memory.buffer, address, count);
  }

  stored(values) {
    const address = this.allocate(values.length);
    this.floats(address, values.length).set(values);
    return address;
  }

  network(card, file) {
    return new Network(this, checked(card), readTensors(file));
  }
}

// What a card's recipe says of a network.
function checked(card) {
  const { network, widths, size, classes, halvings } = card?.recipe ?? {};
  expect(network === "residual", "the card of a residual network", JSON.stringify(network));
  const within = (value, high) => Number.isInteger(value) && value >= 1 && value <= high;
  const halved = (halvings ?? widths?.map?.(() => true))?.slice?.(0, widths.length).map(Boolean);
  const sound = widths?.every?.((width) => within(width, 1024)) && within(widths.length, 16) && within(size, 512) &&
    within(classes, 1000) && halved?.length === widths.length && size % 2 ** halved.filter(Boolean).length === 0;
  const got = JSON.stringify([widths, halvings, size, classes]);
  expect(sound, "widths, halvings, size and classes that fit together", got);
  return { widths, halvings: halved, size, classes };
}

// side x side pixels of so many channels inside a border of zeros; on the way back it holds their gradient.
class FeatureMap {
  constructor(engine, side, channels) {
    Object.assign(this, { engine, side, channels: ceil4(channels), row: side + 2 });
    this.count = this.row ** 2 * this.channels;
    this.address = engine.allocate(this.count);
  }

  like() {
    return new FeatureMap(this.engine, this.side, this.channels);
  }

  get values() {
    return this.engine.floats(this.address, this.count);
  }

  // Calls back with (pixel, where its channels begin in `values`).
  forEachPixel(call) {
    const { side, row, channels } = this;
    for (let pixel = 0; pixel < side ** 2; pixel++) {
      call(pixel, ((Math.floor(pixel / side) + 1) * row + (pixel % side) + 1) * channels);
    }
  }

  siluInto(value, slope) {
    this.engine.kernels.silu(this.address, value.address, slope.address, this.count);
  }

  multiply(by) {
    this.engine.kernels.multiply(this.address, by.address, this.count);
  }

  // The means of 2 x 2 pixels where the target is smaller, a copy where it is not; `spreadInto` is the gradient.
  poolInto(smaller) {
    if (smaller.side === this.side) smaller.values.set(this.values);
    else this.engine.kernels.pool(this.address, smaller.address, smaller.side, this.channels);
  }

  spreadInto(larger) {
    if (larger.side === this.side) larger.values.set(this.values);
    else this.engine.kernels.spread(this.address, larger.address, this.side, this.channels);
  }
}

// A convolution with the batch norm after it: w' = w g / sqrt(v + 1e-5), b' = b - m g / sqrt(v + 1e-5).
class Convolution {
  constructor(engine, take, { conv, norm, inputs, outputs, kernel = 3 }) {
    const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
      take(`${norm}.${name}`, [outputs]));
    const weights = take(`${conv}.weight`, [outputs, inputs, kernel, kernel]), size = inputs * kernel ** 2;
    const scale = floats(outputs, (i) => gain[i] / Math.sqrt(variance[i] + 1e-5));
    const folded = floats(weights.length, (i) => weights[i] * scale[Math.floor(i / size)]);
    const bias = floats(ceil4(outputs), (i) => (i < outputs ? shift[i] - mean[i] * scale[i] : 0));
    const parts = [packed(folded, { inputs, outputs, kernel }), bias];
    const turned = [packed(folded, { inputs, outputs, kernel, turned: true }), floats(ceil4(inputs), () => 0)];
    [this.forwards, this.backwards] = [parts, turned].map((both) => both.map((values) => engine.stored(values)));
    this.kernel = kernel;
  }

  apply(from, to, { add = false, by = this.forwards } = {}) {
    const { convolve } = from.engine.kernels, sizes = [to.side, this.kernel, from.channels, to.channels];
    convolve(from.address, ...by, to.address, add, ...sizes);
  }

  // The gradient to the input is a convolution, too: with the kernels turned by 180 degrees.
  back(from, to, { add = false } = {}) {
    this.apply(from, to, { add, by: this.backwards });
  }
}

// Weights (outputs, inputs, kernel, kernel) as kernels.c reads them; `turned`: of the convolution that leads back.
function packed(weights, { outputs, inputs, kernel, turned = false }) {
  const area = kernel ** 2, [rows, columns] = turned ? [inputs, outputs] : [outputs, inputs];
  const wide = ceil4(columns), all = ceil4(rows), result = new Float32Array(all * area * wide);
  for (let row = 0; row < rows; row++) {
    const first = row - (row % 8), group = Math.min(8, all - first), start = first * area * wide + row - first;
    for (let column = 0; column < columns; column++) {
      const from = (turned ? column * inputs + row : row * inputs + column) * area;
      for (let place = 0; place < area; place++) {
        result[start + (place * wide + column) * group] = weights[from + (turned ? area - 1 - place : place)];
      }
    }
  }
  return result;
}

// Block(x) = skip(a) + conv2(silu(conv1(a))) of a = silu(x), halved by averaging where the resolution falls.
class Block {
  constructor(engine, take, { name, before, inputs, outputs, halve }) {
    const map = (channels) => new FeatureMap(engine, halve ? before.side / 2 : before.side, channels);
    const part = (conv, norm, rest) =>
      new Convolution(engine, take, { conv: `${name}.${conv}`, norm: `${name}.${norm}`, inputs, outputs, ...rest });
    Object.assign(this, { before, input: map(inputs), middle: map(outputs), output: map(outputs) }); // x, a, conv1(a)
    Object.assign(this, { active: before.like(), slope: before.like() }); // silu(x) and its derivative
    Object.assign(this, { middleActive: map(outputs), middleSlope: map(outputs) });
    this.conv1 = part("conv1", "norm1");
    this.conv2 = part("conv2", "norm2", { inputs: outputs });
    this.skip = inputs === outputs ? null : part("skip", "skip_norm", { kernel: 1 });
  }

  forward() {
    this.before.siluInto(this.active, this.slope);
    this.active.poolInto(this.input);
    this.conv1.apply(this.input, this.middle);
    this.middle.siluInto(this.middleActive, this.middleSlope);
    if (this.skip) this.skip.apply(this.input, this.output);
    else this.output.values.set(this.input.values);
    this.conv2.apply(this.middleActive, this.output, { add: true });
  }

  // From the gradient in `output` to the one in `before`: the chain rule, through the lines above from the last on.
  backward() {
    if (this.skip) this.skip.back(this.output, this.input);
    else this.input.values.set(this.output.values);
    this.conv2.back(this.output, this.middle);
    this.middle.multiply(this.middleSlope);
    this.conv1.back(this.middle, this.input, { add: true });
    this.input.spreadInto(this.before);
    this.before.multiply(this.slope);
  }
}

// Pixels -> normalised -> stem -> blocks -> silu -> mean over the places = R(x) -> logits.
class Network {
  constructor(engine, { widths, halvings, size, classes }, tensors) {
    const taken = new Set();
    const take = (name, shape) => {
      const found = tensors.get(name);
      expect(found && `${found.shape}` === `${shape}`, `${name} of shape ${shape}`, found ? found.shape : "none");
      taken.add(name);
      return found.values;
    };
    Object.assign(this, { side: size, classes, pixels: new FeatureMap(engine, size, 3), blocks: [] });
    this.stem = new Convolution(engine, take, { conv: "body.0", norm: "body.1", inputs: 3, outputs: widths[0] });
    this.first = this.last = new FeatureMap(engine, size, widths[0]);
    for (const [i, outputs] of widths.entries()) {
      const inputs = widths[Math.max(i - 1, 0)], name = `body.${i + 2}`;
      this.blocks.push(new Block(engine, take, { name, before: this.last, inputs, outputs, halve: halvings[i] }));
      this.last = this.blocks[i].output;
    }
    Object.assign(this, { features: widths.at(-1), active: this.last.like(), slope: this.last.like() });
    Object.assign(this, { head: take("head.weight", [classes, this.features]), bias: take("head.bias", [classes]) });
    Object.assign(this, { mean: take("mean", [1, 3, 1, 1]), std: take("std", [1, 3, 1, 1]) });
    expect(taken.size === tensors.size, `${taken.size} tensors of this network`, tensors.size);
  }

  logits(image) {
    const { pixels, mean, std, active, features, head, side } = this, area = side ** 2;
    expect(image.length === 3 * area, `an image of ${3 * area} values`, image.length);
    const inside = pixels.values;
    pixels.forEachPixel((pixel, at) => {
      for (let c = 0; c < 3; c++) inside[at + c] = (image[c * area + pixel] - mean[c]) / std[c];
    });
    this.stem.apply(pixels, this.first);
    for (const block of this.blocks) block.forward();
    this.last.siluInto(active, this.slope);
    const means = new Float64Array(features), values = active.values;
    active.forEachPixel((_, at) => means.forEach((__, f) => (means[f] += values[at + f] / active.side ** 2)));
    return this.bias.map((bias, k) => bias + total(features, (f) => means[f] * head[k * features + f]));
  }

  // L(x, y) = -log p(y | x), with its slope for each logit.
  loss(image, label) {
    const logits = this.logits(image);
    return { ...crossEntropy(logits, label), logits };
  }

  // The loss, and its gradient to the image.
  lossAndGradient(image, label) {
    const { pixels, std, side, features, classes, head, last } = this, area = side ** 2;
    const { loss, slopes, logits } = this.loss(image, label), values = last.values;
    const scale = Math.max(...slopes.map(Math.abs)) || 1; // a sure network's slopes may be too small for float32
    const toMeans = floats(features, (f) => total(classes, (k) => (slopes[k] / scale) * head[k * features + f]));
    const toPlaces = toMeans.map((value) => value / last.side ** 2);
    last.forEachPixel((_, at) => values.set(toPlaces, at));
    last.multiply(this.slope);
    for (const block of this.blocks.toReversed()) block.backward();
    this.stem.back(this.first, pixels);
    const gradient = new Float32Array(3 * area), inside = pixels.values;
    pixels.forEachPixel((pixel, at) => {
      for (let c = 0; c < 3; c++) gradient[c * area + pixel] = (inside[at + c] * scale) / std[c];
    });
    return { loss, gradient, logits };
  }
}

// The loss, and its slope for each logit: p, and for the label p - 1 = -(all other p), so that no small one is lost.
function crossEntropy(logits, label) {
  expect(Number.isInteger(label) && label in logits, `a class from 0 to ${logits.length - 1}`, label);
  const highest = Math.max(...logits), powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const others = total(powers.length, (k) => (k === label ? 0 : powers[k])), all = others + powers[label];
  const slopes = powers.map((power, k) => (k === label ? -others : power) / all);
  return { loss: logits[label] === highest ? Math.log1p(others) : Math.log(all) + highest - logits[label], slopes };
}

// --- projected gradient descent

const norm = (values) => Math.sqrt(total(values.length, (i) => values[i] ** 2));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Where a perturbation may lie, and the step of length 1 that lowers a linear loss the most (constraints.py).
const BALLS = {
  l2: {
    direction(gradient) {
      const length = Math.max(norm(gradient), TINY);
      return (i) => -gradient[i] / length;
    },
    project(delta, radius) {
      const factor = Math.min(radius / Math.max(norm(delta), TINY), 1);
      return (i) => delta[i] * factor;
    },
  },
  linf: {
    direction: (gradient) => (i) => -Math.sign(gradient[i]),
    project: (delta, radius) => (i) => clamp(delta[i], -radius, radius),
  },
};

// Eq. 3: L(x, y), and with a mask `weight` times the mean square of what strays from the reference where the mask is 0.
// The gradient is left out where nobody steps along it.
function evaluated({ network, label, mask, weight, reference }, image, along) {
  const found = along ? network.lossAndGradient(image, label) : network.loss(image, label), count = image.length;
  if (!mask) return found;
  const kept = (i) => 1 - mask[i % mask.length], stray = floats(count, (i) => (image[i] - reference[i]) * kept(i));
  const pulled = (i) => found.gradient[i] + (2 * weight * stray[i] * kept(i)) / count;
  return { ...found, loss: found.loss + (weight * norm(stray) ** 2) / count, gradient: along && floats(count, pulled) };
}

// Minimise the loss of `label` in the ball around `centre`: steps + 1 frames {step, image, loss, logits}, as pgd.py.
function* frames(problem) {
  const { start, centre = start, ball, steps, stepSize } = problem, count = start.length;
  expect(Object.hasOwn(BALLS, ball.norm), 'a ball of norm "l2" or "linf"', ball.norm);
  const { direction, project } = BALLS[ball.norm], objective = { weight: 10, reference: centre, ...problem };
  const after = (image, gradient) => {
    const towards = direction(gradient), moved = floats(count, (i) => image[i] + stepSize * towards(i) - centre[i]);
    const projected = project(moved, ball.radius);
    return floats(count, (i) => clamp(centre[i] + projected(i), 0, 1));
  };
  let image = Float32Array.from(start);
  for (let step = 0; step <= steps; step++) {
    const { loss, logits, gradient } = evaluated(objective, image, step < steps);
    const next = gradient && after(image, gradient);
    yield { step, image, loss, logits }; // the image is given away
    image = next;
  }
}

// SmoothGrad: the mean loss and gradient of 1, 2, ... copies, each with normal noise of its own.
function* averages({ network, label, image, sigma, copies, random }) {
  let loss = 0, gradient = new Float32Array(image.length);
  for (let copy = 1; copy <= copies; copy++) {
    const noisy = floats(image.length, (i) => image[i] + sigma * random.normal());
    const found = network.lossAndGradient(noisy, label), before = gradient;
    loss += (found.loss - loss) / copy;
    gradient = floats(image.length, (i) => before[i] + (found.gradient[i] - before[i]) / copy);
    yield { loss, gradient };
  }
}

const averagedGradient = (problem) => [...averages(problem)].at(-1);
