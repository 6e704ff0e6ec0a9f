// What lies beside the page: weights, statistics, photographs, films. A page that was opened by a double click may
// fetch nothing, so each is a script that hands its value over: course.store("name", value).

const waiting = new Map(); // by name: { promise, resolve }

function entry(name) {
  if (!waiting.has(name)) {
    const parts = {};
    parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
    waiting.set(name, parts);
  }
  return waiting.get(name);
}

globalThis.course = { store: (name, value) => entry(name).resolve(value) };

// The value of data/NAME.js, loaded once; rejects with one sentence where the file is missing.
export function load(name) {
  const known = waiting.has(name), { promise, reject } = entry(name);
  if (!known) {
    const script = Object.assign(document.createElement("script"), { src: `data/${name}.js` });
    script.onerror = () => {
      waiting.delete(name); // another attempt may find it
      reject(new Error(`Expected the file data/${name}.js beside the page, got none: copy the whole folder.`));
    };
    document.head.append(script);
  }
  return promise;
}

export function bytesOf(base64) {
  const letters = atob(base64), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < bytes.length; place++) bytes[place] = letters.charCodeAt(place); // `from` is far slower
  return bytes.buffer;
}
