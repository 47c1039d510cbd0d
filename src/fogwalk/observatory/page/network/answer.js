// What the whole network answers over the plane, with the points it learns from (filled) and those held back (open).

import { CLASSES, ofClass, rgb, signed } from "../colour.js";
import { largestOf } from "../extent.js";
import { make } from "../make.js";
import { number } from "../words.js";

const SIZE = 308; // 11 pixels for each of the 28 points along a side

export function answerPlane(frame) {
  const canvas = make("canvas", { class: "answer-plane", width: SIZE, height: SIZE, role: "img" }),
    ink = canvas.getContext("2d"),
    sentence = make("p", { class: "quiet" });
  const classes = frame.outputs.filter(Boolean);

  function show({ plane }) {
    const { low, high, side } = plane, heads = plane.units.head, each = SIZE / side;
    const largest = largestOf(heads[0]);
    for (let at = 0; at < side * side; at += 1) {
      ink.fillStyle = rgb(classes.length ? classed(heads.map((unit) => unit[at])) : signed(heads[0][at] / largest));
      ink.fillRect((at % side) * each, Math.floor(at / side) * each, each, each);
    }
    const dot = ([x, y, answer], filled) => {
      const [u, v] = [((x - low[0]) / (high[0] - low[0])) * SIZE, (1 - (y - low[1]) / (high[1] - low[1])) * SIZE];
      ink.beginPath();
      if (classes.length && answer % 2) ink.rect(u - 3, v - 3, 6, 6);
      else ink.arc(u, v, 3.4, 0, 2 * Math.PI);
      ink.fillStyle = rgb(classes.length ? CLASSES[answer % CLASSES.length] : signed(answer / largest));
      const colour = ink.fillStyle;
      [ink.lineWidth, ink.strokeStyle] = filled ? [1.5, "#1d1d1b"] : [3.5, "#ffffff"]; // seen on any ground
      ink.stroke();
      if (filled) ink.fill();
      else {
        [ink.lineWidth, ink.strokeStyle] = [1.5, colour];
        ink.stroke();
      }
    };
    plane.held.forEach((point) => dot(point, false));
    plane.batch.forEach((point) => dot(point, true));
    const key = classes.map((name, at) => `${name}: ${at % 2 ? "squares" : "circles"}`).join(", ");
    const scale = `blue above zero, orange below, full at ±${number(largest)}`;
    sentence.textContent = `What it answers everywhere (${key ? `${key}; the fuller the colour, the surer` : scale}). ` +
      "Points with a dark edge are the update's batch, those with a white ring are held back.";
    canvas.setAttribute("aria-label", sentence.textContent);
  }
  return { place: make("div", { class: "answers" }, canvas, sentence), show };
}

/** The colour of scores: that of the likeliest class, white where it is no likelier than any other. */
function classed(scores) {
  const top = Math.max(...scores),
    sizes = scores.map((score) => Math.exp(score - top)),
    whole = sizes.reduce((sum, one) => sum + one, 0);
  const best = scores.indexOf(top),
    even = 1 / scores.length;
  return ofClass(best, (1 / whole - even) / (1 - even));
}

