// Pictures as numbers: Float32Array(3 * side * side), red first, then green, then blue, in [0, 1].

const FLAT = 1e-6, ROUNDS = 200; // as in course_lib/tasks.py
const LARGEST = 100; // megabytes of a reader's photo
const NO_PICTURE = "Expected a picture file (PNG, JPEG, WebP), got something else: save a phone's HEIC as JPEG first.";
const SHOWN = 0.995; // of a gradient's values, this share lies between black and white

export function surface(side) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  return canvas.getContext("2d", { willReadFrequently: true });
}

export function fromPixels({ data, width }) {
  const area = width * width, image = new Float32Array(3 * area);
  for (let place = 0; place < area; place++) {
    for (let colour = 0; colour < 3; colour++) image[colour * area + place] = data[4 * place + colour] / 255;
  }
  return image;
}

export function toPixels(image) {
  const area = image.length / 3, pixels = new ImageData(Math.sqrt(area), Math.sqrt(area));
  for (let place = 0; place < area; place++) { // an ImageData rounds
    for (let colour = 0; colour < 3; colour++) pixels.data[4 * place + colour] = 255 * image[colour * area + place];
    pixels.data[4 * place + 3] = 255;
  }
  return pixels;
}

export function address(image) {
  const context = surface(Math.sqrt(image.length / 3));
  context.putImageData(toPixels(image), 0, 0);
  return context.canvas.toDataURL();
}

export async function decoded(url) {
  const picture = Object.assign(new Image(), { src: url });
  await picture.decode();
  return picture;
}

// A picture of a page's own, in its own size.
export async function opened(url, side) {
  return square(await decoded(url), side);
}

// The central square. Halved again and again, since a browser's own way to shrink much leaves out most pixels.
function square(picture, side) {
  const width = picture.naturalWidth ?? picture.width, height = picture.naturalHeight ?? picture.height;
  let extent = Math.min(width, height), from = picture, corner = [(width - extent) / 2, (height - extent) / 2];
  for (let next = extent; next !== side; from = from.canvas, corner = [0, 0], extent = next) {
    next = extent >= 4 * side ? Math.ceil(extent / 2) : side;
    const context = surface(next);
    Object.assign(context, { fillStyle: "white", imageSmoothingQuality: "high" });
    context.fillRect(0, 0, next, next); // where a picture is transparent
    context.drawImage(from, ...corner, extent, extent, 0, 0, next, next);
    from = context;
  }
  return fromPixels((from.getImageData ? from : drawnOn(from, side)).getImageData(0, 0, side, side));
}

function drawnOn(picture, side) {
  const context = surface(side);
  context.drawImage(picture, 0, 0);
  return context;
}

// A reader's own photo, which never leaves the machine. Throws one sentence where the file is none.
export async function photo(file, side) {
  const megabytes = Math.ceil(file.size / 1e6);
  if (megabytes > LARGEST) throw new Error(`Expected a picture of at most ${LARGEST} MB, got ${megabytes} MB.`);
  try {
    return square(await createImageBitmap(file, { imageOrientation: "from-image" }), side);
  } catch {
    throw new Error(NO_PICTURE);
  }
}

// A sky, a ground and a disc between them (notebook 04); or flat grey.
export function drawn(name, side) {
  const context = surface(side), unit = side / 64;
  context.fillStyle = name === "grey" ? "#808080" : "#7799cc";
  context.fillRect(0, 0, side, side);
  if (name === "disc") {
    context.fillStyle = "#668844";
    context.fillRect(0, 40 * unit, side, 24 * unit);
    context.fillStyle = "#bb5533";
    context.arc(32 * unit, 30 * unit, 12 * unit, 0, 2 * Math.PI);
    context.fill();
  }
  return fromPixels(context.getImageData(0, 0, side, side));
}

// The picture with what is drawn on it; `layer` is the address of a canvas's strokes, or "".
export async function composed(image, layer) {
  if (!layer) return image;
  const side = Math.sqrt(image.length / 3), area = side * side, context = surface(side), composed = image.slice();
  context.drawImage(await decoded(layer), 0, 0);
  const { data } = context.getImageData(0, 0, side, side);
  for (let place = 0; place < image.length; place++) {
    const pixel = 4 * (place % area), share = data[pixel + 3] / 255;
    composed[place] += share * (data[pixel + Math.floor(place / area)] / 255 - image[place]);
  }
  return composed;
}

// Where more than half of a pixel is painted: Float32Array(side * side) of 0 and 1.
export async function maskOf(layer, side) {
  const context = surface(side), mask = new Float32Array(side * side);
  if (layer) context.drawImage(await decoded(layer), 0, 0);
  const { data } = context.getImageData(0, 0, side, side);
  return mask.map((_, place) => Number(data[4 * place + 3] > 127));
}

export function halved(image) {
  const side = Math.sqrt(image.length / 3), half = side / 2, small = new Float32Array(image.length / 4);
  for (let place = 0; place < small.length; place++) {
    const row = Math.floor(place / half), from = 2 * row * side + 2 * (place % half); // rows of all three colours
    small[place] = (image[from] + image[from + 1] + image[from + side] + image[from + side + 1]) / 4;
  }
  return small;
}

// Minus the gradient as a picture: grey is 0, and the largest values reach black and white (course_lib/plots.py).
export function gradientPicture(gradient, sign) {
  const sizes = gradient.map(Math.abs).sort(), at = SHOWN * (sizes.length - 1), below = Math.floor(at);
  const scale = Math.max(sizes[below] + (at - below) * (sizes[Math.ceil(at)] - sizes[below]), 1e-12);
  return gradient.map((value) => Math.min(Math.max(0.5 - (0.5 * sign * value) / scale, 0), 1));
}

export function distance(one, other) {
  return Math.sqrt(one.reduce((sum, value, place) => sum + (value - other[place]) ** 2, 0));
}

// Colours flow into the hole from its rim, by conjugate gradients (`fill_smoothly` in course_lib/tasks.py).
export function filled(image, mask) {
  const side = Math.sqrt(mask.length), area = side * side, result = image.slice();
  const kept = area - mask.reduce((sum, value) => sum + value, 0);
  for (let colour = 0; colour < 3 && kept < area; colour++) {
    const plane = result.subarray(colour * area, (colour + 1) * area);
    const mean = plane.reduce((sum, value, place) => sum + value * (1 - mask[place]), 0) / Math.max(kept, 1);
    mask.forEach((hidden, place) => hidden && (plane[place] = mean));
    flow(plane, mask, side);
  }
  return result;
}

function flow(plane, mask, side) {
  const hidden = [...mask.keys()].filter((at) => mask[at]), each = (act) => hidden.forEach(act);
  const [rest, direction, bent] = [0, 1, 2].map(() => new Float64Array(plane.length));
  const bend = (of) => each((at) => (bent[at] = 4 * of[at] - around(of, at, side)));
  const dot = (one, other) => hidden.reduce((sum, at) => sum + one[at] * other[at], 0);
  bend(plane);
  each((at) => (direction[at] = rest[at] = -bent[at]));
  let length = dot(rest, rest);
  for (let round = 0; round < ROUNDS && length > FLAT / 3; round++) {
    bend(direction);
    const way = length / Math.max(dot(direction, bent), 1e-20), before = length;
    each((at) => { plane[at] += way * direction[at]; rest[at] -= way * bent[at]; });
    length = dot(rest, rest);
    each((at) => (direction[at] = rest[at] + (direction[at] * length) / before));
  }
  each((at) => (plane[at] = Math.min(Math.max(plane[at], 0), 1)));
}

// The sum of the four neighbours; at the border a neighbour is the pixel itself.
function around(plane, at, side) {
  const column = at % side, last = plane.length - side;
  return plane[at - (column > 0)] + plane[at + (column < side - 1)]
    + plane[at < side ? at : at - side] + plane[at < last ? at + side : at];
}
