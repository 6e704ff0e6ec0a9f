// Where generation starts: the seed distributions of course_lib/seeds.py, drawn in the browser.
//
// The class statistics are those that ship with the course (course_lib/testbeds/statistics.py). Seeds are drawn on a
// small grid and enlarged. All randomness comes from an explicit generator.

// An explicit generator (sfc32, by Doty-Humphrey): the same numbers from the same random seed in every browser.
function random(seed) {
  let [a, b, c, count] = [0x9e3779b9, 0x243f6a88, seed >>> 0, 1], spare = null;
  const next = () => {
    const result = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 8;
  };
  for (let i = 0; i < 16; i++) next(); // until the seed has reached every part
  const uniform = () => next() / 2 ** 24; // in [0, 1)
  // Two at a time, by the polar coordinates of a point of a normal in the plane (Box and Muller).
  const normal = () => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    const length = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform();
    spare = length * Math.sin(angle);
    return length * Math.cos(angle);
  };
  return { uniform, normal };
}

const unit = (value) => Math.min(Math.max(value, 0), 1);

// The shipped statistics, for pictures of so many pixels a side.
function readStatistics(file, side) {
  return { side, tensors: readTensors(file) };
}

const KINDS = {
  uniform: ({ side }, label, random) => Float32Array.from({ length: 3 * side * side }, random.uniform),
  normal({ tensors }, label, random) {
    const [means, deviations] = ["means", "deviations"].map((name) => row(tensors, `normal.${name}`, label));
    return means.map((mean, i) => unit(mean + deviations[i] * random.normal()));
  },
  multivariate: principal,
  mixture: principal,
};

// A seed of a class, as large as its grid: `enlarged` makes it as large as a picture.
function sample(statistics, kind, label, random) {
  expect(Object.hasOwn(KINDS, kind), `a kind of seeds among ${Object.keys(KINDS).join(", ")}`, kind);
  return KINDS[kind](statistics, label, random, kind);
}

// N(mu, F'F + s^2 I) of one of the class's normals: mu + F'z + s noise, with F = units * bytes.
function principal({ tensors }, label, random, kind) {
  const of = (name, i) => row(tensors, `${kind}.${name}`, i);
  const chosen = choose(tensors.get(`${kind}.weights`).values, tensors.get(`${kind}.labels`).values, label, random);
  const [means, bytes, units, [residual]] = ["means", "bytes", "units", "residuals"].map((name) => of(name, chosen));
  const z = Array.from(units, () => random.normal());
  const varied = (i) => z.reduce((all, value, k) => all + value * units[k] * bytes[k * means.length + i], 0);
  return means.map((mean, i) => unit(mean + varied(i) + residual * random.normal()));
}

// One of the parts that the class owns, at random by weight.
function choose(weights, owners, label, random) {
  const own = weights.map((weight, i) => (owners[i] === label ? weight : 0)), total = own.reduce((a, b) => a + b, 0);
  expect(total > 0, "a class of these statistics", label);
  let left = random.uniform() * total;
  const chosen = own.findIndex((weight) => (left -= weight) < 0);
  return chosen < 0 ? own.findLastIndex((weight) => weight > 0) : chosen;
}

function row(tensors, name, i) {
  const { shape, values } = tensors.get(name), size = values.length / shape[0];
  expect(Number.isInteger(i) && i >= 0 && i < shape[0], `a class from 0 to ${shape[0] - 1}`, i);
  return values.subarray(i * size, (i + 1) * size);
}

// From side to side pixels: smooth (bicubic, clipped to [0, 1]), or in blocks of equal pixels.
function enlarged(image, from, to, { blocks = false } = {}) {
  const factor = to / from;
  expect(Number.isInteger(factor), `a side that ${from} divides`, to);
  if (factor === 1) return Float32Array.from(image);
  const taps = Array.from({ length: to }, (_, i) => (blocks ? [[Math.floor(i / factor), 1]] : cubic(i, factor, from)));
  const result = new Float32Array(3 * to * to);
  for (let c = 0; c < 3; c++) {
    const rows = taps.map((tap) => Float32Array.from({ length: from }, (_, x) =>
      tap.reduce((all, [y, weight]) => all + weight * image[(c * from + y) * from + x], 0)));
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        result[(c * to + y) * to + x] = unit(taps[x].reduce((all, [at, weight]) => all + weight * rows[y][at], 0));
      }
    }
  }
  return result;
}

// The four neighbours of pixel i of the larger picture, and their weights: a cubic with a = -0.75, as in PyTorch.
function cubic(i, factor, from) {
  const at = (i + 0.5) / factor - 0.5, first = Math.floor(at) - 1;
  return [0, 1, 2, 3].map((k) => {
    const d = Math.abs(at - first - k), a = -0.75;
    const weight = d < 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    return [Math.min(Math.max(first + k, 0), from - 1), weight];
  });
}
