// Numbers as small pictures on a canvas, one pixel each: photographs, viridis for magnitude, blue and orange for the sign.

import { rgb, signed, viridis } from "./colour.js";
import { make } from "./make.js";

/** A canvas of `wide` x `high` pixels, each drawn `size` pixels wide by the page; `colour` tells of each which. */
export function picture(wide, high, size, label, colour) {
  const canvas = make("canvas", {
      width: wide,
      height: high,
      role: label ? "img" : null,
      "aria-label": label || null,
      "aria-hidden": label ? null : "true",
      style: `width: ${wide * size}px; height: ${high * size}px`,
    }),
    ink = canvas.getContext("2d");
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      ink.fillStyle = colour(y * wide + x);
      ink.fillRect(x, y, 1, 1);
    }
  return canvas;
}

/** An image of 1 or 3 channels, from 0 to 1. */
export function photograph(values, [channels, high, wide], size, label) {
  const byte = (channel, at) => Math.round(values[(channels === 1 ? 0 : channel) * high * wide + at] * 255);
  return picture(wide, high, size, label, (at) => `rgb(${byte(0, at)},${byte(1, at)},${byte(2, at)})`);
}

/** Magnitudes between two ends, dark to light. */
export const shaded = (values, wide, high, size, label, [low, top]) =>
  picture(wide, high, size, label, (at) => viridis((values[at] - low) / (top - low || 1)));

/** Signs; `most` is the size that has the full colour. */
export const signs = (values, wide, high, size, label, most) =>
  picture(wide, high, size, label, (at) => rgb(signed(values[at] / (most || 1))));
