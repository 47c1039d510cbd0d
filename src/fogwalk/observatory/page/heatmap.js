// A matrix as coloured squares on a canvas, with a sentence for the square that is pointed at, and the matrix as a table.

import { viridis } from "./colour.js";
import { make, table } from "./make.js";
import { picture } from "./pixels.js";
import { number } from "./words.js";

/** `values` are rows of numbers or null; `rows` and `columns` their names; `share` makes of a number, and its column, a share from
    0 to 1, or null for grey. `open` is told (row, column) on a click or Enter. */
export function heatmap({ values, rows, columns, share, title, open, twin = true, size = 14, square = false }) {
  const canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": title });
  const sentence = make("p", { class: "sentence", role: "status" }, title);
  const details = twin ? make("details", {}, make("summary", {}, "The same as a table")) : null;
  const wide = Math.max(1, columns.length), high = Math.max(1, rows.length);
  const each = Math.max(2, Math.min(square ? size : 44, Math.floor((square ? 900 : 720) / wide)));
  [canvas.width, canvas.height] = [wide * each, high * size];
  const ink = canvas.getContext("2d"), squares = picture(wide, high, 1, "", (place) => {
    const [y, x] = [Math.floor(place / wide), place % wide], value = values[y]?.[x];
    const light = Number.isFinite(value) ? share(value, x) : null;
    return light === null ? "rgba(128,128,128,0.25)" : viridis(light);
  });
  ink.imageSmoothingEnabled = false;
  let at = null;

  function draw() {
    ink.clearRect(0, 0, canvas.width, canvas.height);
    ink.drawImage(squares, 0, 0, canvas.width, canvas.height);
    if (at) {
      ink.strokeStyle = "#ff5500";
      ink.lineWidth = 2;
      ink.strokeRect(at[1] * each + 1, at[0] * size + 1, each - 2, size - 2);
    }
  }
  function point(row, column) {
    at = [Math.min(high - 1, Math.max(0, row)), Math.min(wide - 1, Math.max(0, column))];
    draw();
    sentence.textContent = `${rows[at[0]]}, ${columns[at[1]]}: ${number(values[at[0]]?.[at[1]] ?? null)}`;
  }
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      Math.floor(((event.clientY - box.top) / box.height) * high),
      Math.floor(((event.clientX - box.left) / box.width) * wide),
    ];
  };
  canvas.addEventListener("pointermove", (event) => point(...under(event)));
  canvas.addEventListener("click", (event) => { point(...under(event)); open?.(...at); });
  canvas.addEventListener("keydown", (event) => {
    const [row, column] = at ?? [0, 0],
      moves = {
        ArrowUp: [row - 1, column],
        ArrowDown: [row + 1, column],
        ArrowLeft: [row, column - 1],
        ArrowRight: [row, column + 1],
      };
    if (event.key in moves) point(...moves[event.key]);
    else if (event.key === "Enter" && at) open?.(...at);
    else return;
    event.preventDefault();
  });
  details?.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1)
      details.append(
        table(
          ["", ...columns.map((one) => `#${one}`)],
          values.map((row, y) => [rows[y], ...row.map((value) => number(value))]),
        ),
      );
  });
  draw();
  const names =
    size < 12
      ? null
      : make(
          "div",
          { class: "row-names", style: `--row: ${size}px`, "aria-hidden": "true" },
          rows.map((one) => make("span", { title: one }, one)),
        );
  return make(
    "div",
    {},
    make("div", { class: names ? "heat" : null }, names ?? "", make("div", { class: "scroll" }, canvas)),
    sentence,
    details,
  );
}
