// Station 1: the records this update learned from, one of them picked, and what is right of each.

import { make } from "../make.js";
import { visible, wide } from "./drawings.js";
import { explained } from "./say.js";

export async function batch(step) {
  const told = await step.station("batch"), texts = told.unit === "token";
  const each = told.shape ?? [step.found.structure.input_names.length];
  const shape = texts ? [told.records, told.places] : [told.records, ...each];
  const answers = texts ? told.records * told.places : told.records;
  const product = texts ? `${told.records}·${told.places} = ${answers.toLocaleString("en")}` : answers;
  const target = (texts ? shape : shape.slice(0, 1)).join(", ");
  const all = texts ? rowsOfText(step, told) : told.pictures ? pictures(step, told) : rowsOfTable(step, told);
  return [
    explained(step.say, {
      plain: inWords(step, told, texts, answers),
      maths: [`x has the shape ${shape.join(" × ")}${texts ? "; y is the same, one token later" : ""}`, `B = ${product} answers`],
      code: "batch = batches.at(step)             # chosen by the seed and the step alone\n"
        + `batch.inputs.shape                   # ${shape.join(", ")}\nbatch.targets.shape                  # ${target}`,
    }),
    step.walking ? pickedRow(step, told, texts) : null,
    ...step.rest(all, shownOnly(told)),
  ];
}

function inWords(step, told, texts, answers) {
  const of = `${told.training.toLocaleString("en")} ${told.unit}s`;
  const what = texts ? `${told.records} rows of ${told.places} tokens, out of ${of}` : `${told.records} of ${of}`;
  const asked = texts ? `That makes ${answers.toLocaleString("en")} questions at once: at each place, which token comes next?`
    : "Each has its right answer beside it, which the network does not see before the loss.";
  const part = told.kept < told.records ? `; of this batch the first ${told.kept} are looked into` : "";
  return `One step learns from a handful of the data, a batch: here ${what}${part}. ${asked}`
    + `${step.walking ? "" : " Pick a row to follow it through the stations."}`;
}

function shownOnly(told) {
  const shown = (told.pictures ?? told.rows).length;
  return shown < told.records ? make("p", { class: "quiet" }, `The first ${shown} of ${told.records} are shown.`) : null;
}

/** A button that picks a row. */
function picker(step, row, words, ...inside) {
  return make("button", {
    class: "record", "aria-pressed": String(row === step.row), "aria-label": words, onclick: () => step.pickRow(row),
  }, ...inside);
}

const BEYOND = "It is not among the rows that are shown here.";
const FEW = 8; // places of a text that are enough to see what is asked

/** While a weight is followed: the row that is followed with it. */
function pickedRow(step, told, texts) {
  const title = make("h2", {}, `Row ${step.row}${step.pinned ? ", which is followed with the weight" : ""}`);
  if (!texts && told.pictures) {
    const image = told.pictures[step.row];
    return make("div", {}, title, image ? make("div", { class: "image" }, enlarged(image, told.shape),
      make("p", {}, `right is ${told.right[step.row]}`)) : make("p", { class: "quiet" }, BEYOND));
  }
  if (!texts) return make("div", {}, title, told.rows[step.row] ? tableOf(step, told, [step.row])
    : make("p", { class: "quiet" }, BEYOND));
  const place = step.followed?.focus?.place ?? 0, start = Math.max(0, Math.min(place - FEW / 2, told.tokens.length - FEW));
  const part = told.places > FEW ? `: ${FEW} of ${told.places} places` : "";
  const words = `Each token, and below it the right answer, the next one${part}.`;
  return make("div", {}, title, make("p", { class: "quiet" }, words), chips(told, start, start + FEW, place));
}

/** The tokens of the picked row, each over the one that is asked for. */
function chips(told, from = 0, to = Infinity, picked = null) {
  const chip = (token, at) => make("li", { class: at + from === picked ? "picked" : null }, make("small", {}, String(at + from)),
    make("span", { class: "token" }, visible(token)),
    make("span", { class: "token right", title: "the right answer" }, visible(told.right[at + from])));
  const shown = told.tokens.slice(from, to).map(chip);
  return make("ol", { class: "chips", tabindex: "0", "aria-label": "the picked row, place by place" }, shown);
}

/** The picked row with its places, each token over the one that is asked for; below it all rows. */
function rowsOfText(step, told) {
  const between = told.rows[0].some((one) => visible(one).length > 2) ? " " : "";
  const line = (tokens, row) => make("li", {}, picker(step, row, null,
    make("small", {}, `${row} `), tokens.map(visible).join(between), told.places > tokens.length ? " …" : ""));
  return make("div", {},
    make("h2", {}, `Row ${step.row}: each token, and below it the one that comes next`),
    chips(told),
    make("h2", {}, "All rows"),
    make("ul", { class: "records" }, told.rows.map(line)));
}

function rowsOfTable(step, told) {
  return tableOf(step, told, told.rows.map((_, row) => row));
}

/** Some of the rows, with their columns and what is right. */
function tableOf(step, told, rows) {
  const left = told.left_out ? make("p", { class: "quiet" }, `${told.left_out} more columns are not shown.`) : null;
  const titles = ["row", ...told.columns, "right is"].map((title) => make("th", { scope: "col" }, title));
  const line = (row) => make("tr", { class: row === step.row ? "picked" : null },
    make("td", {}, picker(step, row, `row ${row}`, String(row))),
    told.rows[row].map((cell) => make("td", { class: "number" }, cell)), make("td", {}, told.right[row]));
  const head = make("thead", {}, make("tr", {}, titles));
  const table = make("table", { class: "batch" }, head, make("tbody", {}, rows.map(line)));
  const brackets = make("p", { class: "quiet" }, "In brackets what the network reads: numbers centred and scaled.");
  return make("div", {}, brackets, wide(table, "the batch"), left);
}

function pictures(step, told) {
  const one = (levels, row) => make("li", {},
    picker(step, row, `row ${row}: ${told.right[row]}`, picture(levels, told.shape), make("span", {}, told.right[row])));
  return make("ul", { class: "pictures" }, told.pictures.map(one));
}

/** The same, large enough to be looked into. */
export function enlarged(levels, shape) {
  const image = picture(levels, shape);
  image.style.width = `${12 * shape[2]}px`;
  return image;
}

/** An image of a batch, its channels as colours where there are three. */
function picture(levels, [channels, high, wide]) {
  const canvas = make("canvas", { width: wide, height: high, "aria-hidden": "true" }), ink = canvas.getContext("2d");
  const image = ink.createImageData(wide, high), all = high * wide;
  for (let at = 0; at < all; at += 1) {
    const colour = [0, 1, 2].map((channel) => levels[(channels === 3 ? channel : 0) * all + at]);
    image.data.set([...colour, 255], at * 4);
  }
  ink.putImageData(image, 0, 0);
  return canvas;
}
