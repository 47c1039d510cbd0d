// Station 4: how much the loss hangs on each number that was made on the way, from the last layer back to the first.

import { ends, largestOf } from "../extent.js";
import { heatmap } from "../heatmap.js";
import { make } from "../make.js";
import { number } from "../words.js";
import { enlarged } from "./batch.js";
import { bars, visible } from "./drawings.js";
import { layer } from "./layer.js";
import { chain, shares } from "./pin.js";
import { explained } from "./say.js";
import { whence } from "./whence.js";

export async function blame(step) {
  const told = await step.station("blame"), layers = [...step.found.layers].reverse(), open = layer(step, "blame");
  const known = layers.filter((one) => one.blame > 0), share = byPowers(known.map((one) => one.blame));
  const bar = (one) => ({
    name: one.path, value: one.blame, title: one.chain ?? one.formula,
    open: () => pick(one.path), picked: one.path === step.opened("blame"),
  });
  const list = bars(layers.map(bar), "blame of what each layer makes", { share, kind: "blame" });
  function pick(path) {
    step.pickLayer(path);
    [...list.querySelectorAll("button")].forEach((button, each) => {
      button.setAttribute("aria-pressed", String(layers[each].path === path));
    });
    open.show();
  }
  const pinned = step.followed;
  const pictures = told.pixels ? await step.station("batch") : null, limit = told.clip ? `, limit ${number(told.clip)}` : "";
  return [
    explained(step.say, {
      plain: inWords(told, step.walking ? [] : known),
      maths: [
        "∂L/∂hₗ₋₁ = ∂L/∂hₗ · ∂hₗ/∂hₗ₋₁",
        `|g| = √Σ (∂L/∂w)² = ${number(told.norm)}`,
        told.scale < 1 ? `g ← g·limit/|g| = g·${number(told.scale)}` : null,
      ],
      code: "loss.backward()                      # fills .grad of every parameter\n"
        + `norm = clip(parameters, limit)       # ${number(told.norm)}${limit}`,
    }),
    ...(pinned ? await ofThePinned(step, pinned, told.tokens) : []),
    ...step.rest(
      make("h2", {}, "How much the loss hangs on what each layer makes (bars by powers of ten)"), list,
      map(step, told, pick), pixels(told, pictures, step.row), open.place,
    ),
  ];
}

/** What the rows say of the pinned weight; while it is followed, what a row's share is made of is folded. */
async function ofThePinned(step, pinned, tokens) {
  const [how, parts] = chain(pinned, tokens, step.say), from = await whence(step), rows = shares(pinned, step.pickRow);
  const title = make("h2", {}, "What the rows say of the pinned weight");
  if (!step.walking) return [title, how, parts, from, rows];
  const inner = [pinned.used > 1 ? parts : null, from].filter(Boolean);
  return [title, rows, how, inner.length ? make("details", {}, make("summary", {}, "how δ comes about"), inner) : null];
}

/** The length of a bar by powers of ten: the smallest still has a little. */
function byPowers(values) {
  const logs = values.map(Math.log10), [least, high] = ends(logs), low = least - 0.5;
  return (value) => (value > 0 ? Math.max(0.01, (Math.log10(value) - low) / (high - low || 1)) : 0);
}

function inWords(told, known) {
  const [first, last] = [known.at(-1), known[0]];
  const of = (one) => `${one?.path} ${number(one?.blame)}`;
  const ends = `Here it is at the end, in ${of(last)}, and at the start, in ${of(first)}.`;
  const above = `, more than the limit ${number(told.clip)}: each is scaled by ${number(told.scale)}.`;
  const clipped = told.scale < 1 ? above : told.clip ? `, within the limit ${number(told.clip)}.` : ".";
  return [
    "Now backwards: how would the loss change if a number on the way were a little larger? That is its gradient, "
      + "its blame δ. Each layer passes it back to the one before (the chain rule). "
      + `${known.length > 1 ? ends : ""}`,
    known.length || told.scale < 1 ? `All gradients of the weights together are ${number(told.norm)} long${clipped}` : null,
  ];
}

/** Layer x place, or layer x record. */
function map(step, told, pick) {
  const flat = told.places.flat().filter((value) => value > 0), paths = [...told.paths].reverse();
  if (!flat.length || told.places[0].length < 2) return null;
  const [low, high] = ends(flat).map(Math.log10);
  const columns = told.texts ? told.tokens.map((token, place) => `place ${place} ${visible(token)}`)
    : told.right.map((right, row) => `row ${row} (${right})`);
  const cut = told.of > columns.length ? ` The first ${columns.length} of ${told.of} are shown.` : "";
  const range = `from ${number(10 ** low)} to ${number(10 ** high)}`;
  const title = told.texts ? `Row ${step.row}: which places are to blame in each layer` : "Which rows are to blame in each layer";
  const drawn = heatmap({
    values: [...told.places].reverse(), rows: paths, columns,
    title: `light is much blame, by powers of ten ${range}.${cut} Enter or a click opens the layer.`,
    share: (value) => (value > 0 ? (Math.log10(value) - low) / (high - low || 1) : 0),
    open: (row, column) => { pick(paths[row]); if (!told.texts) step.pickRow(column); },
  });
  return make("div", {}, make("h2", {}, title), drawn);
}

/** Of an image: how much the loss hangs on each of its pixels. */
function pixels(told, pictures, row) {
  if (!told.pixels) return null;
  const high = told.pixels.length, wide = told.pixels[0].length, largest = largestOf(told.pixels.flat());
  const levels = pictures.pictures?.[row], image = levels ? enlarged(levels, pictures.shape) : null;
  const words = `the image, which is ${pictures.right[row]}; below it the blame of its pixels`;
  const drawn = heatmap({
    values: told.pixels,
    rows: told.pixels.map((_, at) => `pixel row ${at}`), columns: told.pixels[0].map((_, at) => `column ${at}`),
    title: `light is much, up to ${number(largest)}`, share: (value) => value / largest, square: true, size: 12, twin: high <= 32,
  });
  return make("div", {}, make("h2", {}, `How much the loss hangs on each pixel of row ${row}`),
    image ? make("div", { class: "image" }, image, make("p", { class: "quiet" }, words)) : null, drawn);
}
