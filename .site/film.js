// A recorded run plays: one slider over its frames, for the pictures, for what is said of them and for the charts.
// Without this script the last frame stands.
const PAUSE = 250; // milliseconds between two frames

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function film(place) {
  const steps = JSON.parse(place.dataset.steps), last = steps.length - 1;
  if (last < 1) return;
  const said = element("output"), button = element("button", { type: "button" });
  const slider = element("input", { type: "range", max: last, value: last });
  slider.setAttribute("aria-label", "step");
  place.querySelector(".stands").after(element("div", { className: "play" }, button, slider, said));
  let timer = 0;

  function show(frame) {
    slider.value = frame;
    said.value = `step ${steps[frame]} of ${steps[last]}`;
    slider.setAttribute("aria-valuetext", said.value);
    place.style.setProperty("--frame", frame);
    for (const words of place.querySelectorAll("figcaption")) {
      [...words.children].forEach((child, rest) => { child.hidden = rest !== last - frame; });
    }
    for (const line of place.querySelectorAll("svg .now")) {
      const [, left, right] = line.parentElement.querySelector(".grid").getAttribute("d").match(/M(\S+) \S+H(\S+)/);
      const across = +left + ((right - left) * steps[frame]) / steps[last];
      line.setAttribute("d", line.getAttribute("d").replace(/M\S+/, `M${across.toFixed(1)}`));
    }
  }

  function play(going) {
    clearInterval(timer);
    timer = going ? setInterval(() => (+slider.value < last ? show(+slider.value + 1) : play(false)), PAUSE) : 0;
    button.textContent = going ? "❚❚" : "▶";
    button.setAttribute("aria-label", going ? "Pause" : "Play");
  }

  button.addEventListener("click", () => {
    if (!timer && +slider.value === last) show(0);
    play(!timer);
  });
  slider.addEventListener("input", () => {
    play(false);
    show(+slider.value);
  });
  show(last);
  play(false);
}

// A figure with many pictures in a row stays legible on a phone: it scrolls, by touch and by keys.
function wide(picture) {
  const place = picture.parentElement;
  if (picture.naturalWidth < 700 || place.matches(".strip, .canvas")) return;
  place.classList.add("wide");
  Object.assign(place, { tabIndex: 0, role: "group", ariaLabel: "a wide figure, which scrolls" });
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".course-film").forEach(film);
  for (const picture of document.querySelectorAll(".cell_output img, .bd-article p > img")) {
    picture.decode().then(() => wide(picture), () => {});
  }
});
