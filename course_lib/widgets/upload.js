// A person's own picture: made small in the browser, so that a file of any usual size passes a Jupyter server, which
// closes the connection at a message of more than 10 MB.

const SIDE = 512, LARGEST = 100e6; // pixels of what is sent; bytes of a file

async function square(file) {
  if (file.size > LARGEST) throw `expected a picture file of at most 100 MB, got ${Math.round(file.size / 1e6)} MB`;
  const picture = await createImageBitmap(file).catch(() => {
    throw `expected a picture that this browser can show (PNG, JPEG, WebP), got ${file.name}`;
  });
  const side = Math.min(picture.width, picture.height), canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(side, SIDE);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "white"; // behind what is transparent
  pen.fillRect(0, 0, SIDE, SIDE);
  const [left, top] = [picture.width, picture.height].map((length) => (length - side) / 2);
  pen.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.width);
  const sent = atob(canvas.toDataURL("image/jpeg", 0.95).split(",")[1]);
  return new DataView(Uint8Array.from(sent, (letter) => letter.charCodeAt(0)).buffer);
}

function render({ model, el }) {
  const [label, input, said] = ["label", "input", "span"].map((name) => document.createElement(name));
  Object.assign(input, { type: "file", accept: "image/*", title: "It is cut to its central square and stays here" });
  said.setAttribute("role", "status");
  label.append(model.get("description"), input);
  el.append(label, said);
  label.style.cssText = "display: flex; gap: 8px; align-items: center; height: 30px";
  input.style.cssText = "flex: 1; min-width: 0";
  input.addEventListener("change", async () => {
    said.textContent = "";
    if (!input.files.length) return;
    try {
      model.set("value", await square(input.files[0]));
      model.save_changes();
    } catch (error) {
      said.textContent = String(error);
    }
  });
}

export default { render };
