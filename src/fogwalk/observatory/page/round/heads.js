// All heads of all layers at once, small: one button each, named by its habit.

import { viridisOf } from "../colour.js";
import { make, table } from "../make.js";
import { number } from "../words.js";
import { headOf, layerOf } from "./names.js";

const TAGS = 8; // heads of a layer, up to which each has its habit written below
const COLUMNS = [
  ["itself", "itself"],
  ["previous", "the one before"],
  ["first", "the first"],
  ["same", "the same earlier"],
  ["induction", "after the same"],
  ["entropy", "entropy"],
  ["distance", "places back"],
];

/** Squares of shares, one pixel each; closed chairs are clear. */
function painted(canvas, values, side) {
  [canvas.width, canvas.height] = [side, side];
  const ink = canvas.getContext("2d"),
    image = ink.createImageData(side, side);
  for (let row = 0; row < side; row += 1)
    for (let column = 0; column <= row; column += 1)
      image.data.set([...viridisOf(Math.sqrt(values[row * side + column])), 255], (row * side + column) * 4);
  ink.putImageData(image, 0, 0);
}

/** `pick` is told the number of a head. */
export function heads(pick) {
  const grid = make("div", {
    class: "thumbnails",
    role: "group",
    "aria-label": "all heads; arrow keys go from one to the next",
  });
  const sentence = make("p", { class: "sentence", role: "status" }),
    cut = make("p", { class: "quiet" });
  const twin = make("details", {}, make("summary", {}, "All heads as a table"));
  let buttons = [], told = null, wide = 1, resting = "";

  function show(found, thumbnails, picked, locked) {
    const focused = buttons.indexOf(document.activeElement), layers = [...new Set(found.heads.map((one) => one.table))];
    told = found;
    wide = Math.max(1, found.heads.filter((one) => one.table === layers[0]).length);
    const side = thumbnails.shape[1], tags = wide <= TAGS;
    buttons = found.heads.map((one, each) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      painted(canvas, thumbnails.values.subarray(each * side * side, (each + 1) * side * side), side);
      const held = each === locked ? ", locked" : "";
      return make(
        "button",
        {
          class: each === locked ? "thumbnail locked" : "thumbnail",
          "aria-pressed": String(each === picked),
          "aria-label": `${headOf(one)}: ${one.said}${held}`,
          title: `${headOf(one)}: ${one.said}`,
          tabindex: each === picked ? "0" : "-1",
          onclick: () => pick(each),
          onfocus: () => say(each),
          onpointerenter: () => say(each),
          onblur: rest,
          onpointerleave: rest,
        },
        canvas,
        tags ? make("span", {}, one.short) : null,
      );
    });
    const rows = layers.map((layer) =>
      make(
        "div",
        { class: "of-layer" },
        make("span", { class: "quiet" }, layerOf(layer)),
        buttons.filter((_, each) => found.heads[each].table === layer),
      ),
    );
    grid.style.setProperty("--heads", wide);
    grid.style.setProperty("--thumbnail", `${wide <= 4 ? 5.5 : wide <= TAGS ? 4.5 : 2.75}rem`);
    grid.replaceChildren(...rows);
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)]?.focus();
    const block =
      found.block > 1 ? ` Each square of these stands for ${found.block} x ${found.block} pairs, by the largest share.` : "";
    const left =
      found.all_heads > found.heads.length ? ` The first ${found.heads.length} of ${found.all_heads} heads are drawn.` : "";
    cut.textContent = "One square for each head: rows listen, columns speak, light is a large share, and what lies " +
      `right of the diagonal is closed, for it comes later.${block}${left}`;
    resting = picked >= 0 ? `Picked: ${headOf(found.heads[picked])}, ${found.heads[picked].said}.` : "";
    sentence.textContent = resting;
    if (twin.open) fill();
  }
  const say = (each) => { sentence.textContent = `${headOf(told.heads[each])} ${told.heads[each].said}.`; };
  const rest = () => { sentence.textContent = resting; };
  function fill() {
    const there = COLUMNS.filter(([name]) => told.heads.some((one) => name in one.numbers));
    twin.replaceChildren(
      twin.firstChild,
      table(
        ["head", ...there.map(([, title]) => `#${title}`), "in words"],
        told.heads.map((one) => [headOf(one), ...there.map(([name]) => number(one.numbers[name])), one.said]),
      ),
    );
  }
  twin.addEventListener("toggle", () => { if (twin.open && told) fill(); });
  grid.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement),
      moves = {
        ArrowRight: now + 1,
        ArrowLeft: now - 1,
        ArrowDown: now + wide,
        ArrowUp: now - wide,
        Home: 0,
        End: buttons.length - 1,
      };
    if (now < 0 || !(event.key in moves)) return;
    event.preventDefault();
    const next = moves[event.key];
    if (next >= 0 && next < buttons.length) {
      buttons.forEach((one, each) => { one.tabIndex = each === next ? 0 : -1; });
      buttons[next].focus();
    }
  });
  return { place: make("div", {}, cut, make("div", { class: "scroll thumbnail-box" }, grid), sentence, twin), show };
}
