// Station 1: the records this update learned from, one of them picked, and what is right of each.

import { make } from "../make.js";
import { explained } from "./say.js";
import { visible } from "./drawings.js";

export async function batch(step) {
  const told = await step.station("batch");
  const texts = told.unit === "token", what = texts ? `${told.records} rows of ${told.places} tokens` : `${told.records} ${told.unit}s`;
  const asked = texts ? `That makes ${(told.records * told.places).toLocaleString("en")} questions at once: at each place, which token comes next?` : "Each has its right answer beside it, which the network does not see until the loss.";
  const part = told.kept < told.records ? `; of this batch the first ${told.kept} are looked into` : "";
  const shape = texts ? [told.records, told.places] : [told.records, ...(told.shape ?? [step.found.structure.input_names.length])];
  return [
    explained(step.say, {
      plain: `One step learns from a small handful of the data, a batch: here ${what}, out of ${told.training.toLocaleString("en")} ${told.unit}s there are to learn from${part}. ${asked} Pick a row to follow it through the stations.`,
      maths: [`x has the shape ${shape.join(" × ")}${texts ? "; y is the same, one token later" : ""}`, texts ? `B = ${told.records}·${told.places} = ${(told.records * told.places).toLocaleString("en")} answers` : `B = ${told.records} answers`],
      code: `batch = batches.at(step)             # chosen by the seed and the step alone\nbatch.inputs.shape                   # ${shape.join(", ")}\nbatch.targets.shape                  # ${(texts ? shape : shape.slice(0, 1)).join(", ")}`,
    }),
    texts ? rowsOfText(step, told) : told.pictures ? pictures(step, told) : rowsOfTable(step, told),
    shownOnly(told),
  ];
}

function shownOnly(told) {
  const shown = (told.pictures ?? told.rows).length;
  return shown < told.records ? make("p", { class: "quiet" }, `The first ${shown} of ${told.records} are shown.`) : null;
}

const picker = (step, row, words, ...inside) => make("button", { class: "record", "aria-pressed": String(row === step.row), "aria-label": words, onclick: () => step.pickRow(row) }, ...inside);

/** The picked row with its places, each token over the one that is asked for; below it all rows. */
function rowsOfText(step, told) {
  const chips = told.tokens.map((token, place) => make("li", {}, make("small", {}, String(place)), make("span", { class: "token" }, visible(token)), make("span", { class: "token right", title: "the right answer" }, visible(told.right[place]))));
  return make("div", {},
    make("h2", {}, `Row ${step.row}: each token, and below it the one that comes next`),
    make("ol", { class: "chips", tabindex: "0", "aria-label": "the picked row, place by place" }, chips),
    make("h2", {}, "All rows"),
    make("ul", { class: "records" }, told.rows.map((tokens, row) => make("li", {}, picker(step, row, null, make("small", {}, `${row} `), tokens.map(visible).join(told.rows[0].some((one) => visible(one).length > 2) ? " " : ""), told.places > tokens.length ? " …" : "")))));
}

function rowsOfTable(step, told) {
  const left = told.left_out ? make("p", { class: "quiet" }, `${told.left_out} more columns are not shown.`) : null;
  return make("div", {},
    make("p", { class: "quiet" }, "In brackets what the network reads: numbers centred and scaled."),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the batch" }, make("table", { class: "batch" },
      make("thead", {}, make("tr", {}, ["row", ...told.columns, "right is"].map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, told.rows.map((cells, row) => make("tr", { class: row === step.row ? "picked" : null },
        make("td", {}, picker(step, row, `row ${row}`, String(row))), cells.map((cell) => make("td", { class: "number" }, cell)), make("td", {}, told.right[row])))))), left);
}

function pictures(step, told) {
  return make("ul", { class: "pictures" }, told.pictures.map((levels, row) => make("li", {}, picker(step, row, `row ${row}: ${told.right[row]}`, picture(levels, told.shape), make("span", {}, told.right[row])))));
}

/** An image of a batch, its channels as colours where there are three. */
export function picture(levels, [channels, high, wide]) {
  const canvas = make("canvas", { width: wide, height: high, "aria-hidden": "true" }), ink = canvas.getContext("2d"), image = ink.createImageData(wide, high), all = high * wide;
  for (let at = 0; at < all; at += 1) {
    const colour = [0, 1, 2].map((channel) => levels[(channels === 3 ? channel : 0) * all + at]);
    image.data.set([...colour, 255], at * 4);
  }
  ink.putImageData(image, 0, 0);
  return canvas;
}
