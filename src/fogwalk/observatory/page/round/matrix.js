// One head as a matrix: rows listen, columns speak. One pixel of the canvas is one number, so that its colours can be held
// against the numbers; what is picked is marked above it.

import { rgb, signed as signedOf, viridisOf } from "../colour.js";
import { make, table } from "../make.js";
import { briefly, number } from "../words.js";
import { plain } from "./names.js";

const CLOSED = [128, 128, 128, 64];
const WIDE = 440, LARGEST = 26; // pixels on the page: of all, and of one number at most
const NAMES = 40; // places up to which their names stand beside it
const TABLE = 64; // places up to which it is a table too
const GLYPHS = 32; // places up to which a sign is written on its square

/** `pick` is told (listener, speaker). */
export function matrix(pick, title) {
  const canvas = make("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": `${title}; arrow keys move, Enter picks`,
  });
  const signs = make("div", { class: "signs", "aria-hidden": "true" });
  const [row, cell, cursor] = ["row", "cell", "cursor"].map((kind) =>
    make("div", { class: `mark ${kind}`, "aria-hidden": "true", hidden: true }),
  );
  const rows = make("div", { class: "names", "aria-hidden": "true" }),
    columns = make("div", { class: "names below", "aria-hidden": "true" });
  const sentence = make("p", { class: "sentence", role: "status" }),
    scale = make("p", { class: "scale" });
  const twin = make("details", {}, make("summary", {}, "The matrix as a table"));
  let now = null, at = null;

  function show(data) {
    now = data;
    const { names, side, block, values, most, signed } = data;
    [canvas.width, canvas.height] = [side, side];
    const ink = canvas.getContext("2d"),
      image = ink.createImageData(side, side),
      colour = signed ? signedOf : (share) => viridisOf(Math.sqrt(share));
    for (let y = 0; y < side; y += 1)
      for (let x = 0; x < side; x += 1)
        image.data.set(x > y ? CLOSED : [...colour(values[y * side + x] / most), 255], (y * side + x) * 4);
    ink.putImageData(image, 0, 0);
    const each = Math.max(1, Math.min(LARGEST, Math.floor(WIDE / side)));
    place.style.setProperty("--wide", `${side * each}px`);
    place.style.setProperty("--side", side);
    const named = side <= NAMES && block === 1;
    place.classList.toggle("bare", !named);
    rows.replaceChildren(...(named ? names.map((name, one) => make("span", {}, `${plain(name, 8)} ${one}`)) : []));
    columns.replaceChildren(...(named ? names.map((name, one) => make("span", {}, `${one} ${plain(name, 8)}`)) : []));
    signs.replaceChildren(
      ...(signed && side <= GLYPHS
        ? Array.from(values.subarray(0, side * side), (value, one) =>
            make("span", {}, Math.abs(value) < most / 20 || one % side > Math.floor(one / side) ? "" : value < 0 ? "-" : "+"),
          )
        : []),
    );
    const ends = signed ? [`-${briefly(most)}`, `+${briefly(most)}`] : ["0", briefly(most)];
    const colours = Array.from({ length: 9 }, (_, one) => rgb(signed ? signedOf(one / 4 - 1) : viridisOf(one / 8)));
    scale.replaceChildren(
      make("span", {}, ends[0]),
      make("span", { class: "ramp", style: `background: linear-gradient(to right, ${colours.join(",")})` }),
      make("span", {}, ends[1]),
      make("span", {}, signed ? "" : `by the square root: halfway is ${briefly(most / 4)}`),
    );
    at = null;
    mark();
    rest();
    if (twin.open) fill();
  }
  function put(shape, y, x, high = 1, wide = 1) {
    const { side } = now;
    Object.assign(shape.style, {
      top: `${(y / side) * 100}%`,
      left: `${(x / side) * 100}%`,
      height: `${(high / side) * 100}%`,
      width: `${(wide / side) * 100}%`,
    });
    shape.hidden = false;
  }
  function mark() {
    const { listener, speaker, block } = now, y = Math.floor(listener / block);
    put(row, y, 0, 1, y + 1);
    if (speaker === null) cell.hidden = true;
    else put(cell, y, Math.floor(speaker / block));
    cursor.hidden = !at;
    if (at) put(cursor, ...at);
  }
  function rest() {
    const { names, side, block, values, listener, speaker, measure } = now;
    if (block > 1) sentence.textContent = `Each square stands for ${block} x ${block} pairs, by the number furthest from 0.`;
    else if (speaker !== null)
      sentence.textContent = `Picked: place ${listener}, ${names[listener]}, and place ${speaker}, ${names[speaker]}: ` +
        `${measure.is} ${number(values[listener * side + speaker])}.`;
    else
      sentence.textContent = `Rows listen, columns speak. The row of place ${listener}, ${names[listener]}, is marked; ` +
        "grey is closed, for it comes later.";
  }
  function point(y, x) {
    const { names, side, block, values, measure } = now;
    at = [Math.min(side - 1, Math.max(0, y)), Math.min(side - 1, Math.max(0, x))];
    mark();
    const [from, to] = at,
      which = (one) =>
        block === 1
          ? `place ${one}, ${names[one]}`
          : `places ${one * block} to ${Math.min(names.length, (one + 1) * block) - 1}`;
    const value = to > from ? "closed, for it comes later" : `${measure.is} ${number(values[from * side + to])}`;
    sentence.textContent = `From ${which(from)} to ${which(to)}: ${value}.`;
  }
  function take() {
    const { block, names } = now, listener = Math.min(names.length - 1, at[0] * block);
    pick(listener, at[1] <= at[0] ? Math.min(listener, at[1] * block) : null);
  }
  function fill() {
    const { names, side, block, values } = now;
    const most = Math.min(TABLE, side),
      called = (one) => (block === 1 ? `${one} ${plain(names[one])}` : `from ${one * block}`);
    const some =
      most < side
        ? [
            make(
              "p",
              { class: "quiet" },
              `The first ${most} of ${side} rows and columns; any listener's numbers stand below.`,
            ),
          ]
        : [];
    const lines = Array.from({ length: most }, (_, y) => [
      called(y),
      ...Array.from({ length: most }, (_, x) => (x > y ? "closed" : number(values[y * side + x]))),
    ]);
    twin.replaceChildren(
      twin.firstChild,
      ...some,
      table(["listens", ...Array.from({ length: most }, (_, x) => `#${called(x)}`)], lines),
    );
  }
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      Math.floor(((event.clientY - box.top) / box.height) * now.side),
      Math.floor(((event.clientX - box.left) / box.width) * now.side),
    ];
  };
  const away = () => { at = null; mark(); rest(); };
  canvas.addEventListener("pointermove", (event) => point(...under(event)));
  canvas.addEventListener("pointerleave", away);
  canvas.addEventListener("blur", away);
  canvas.addEventListener("click", (event) => { point(...under(event)); take(); });
  canvas.addEventListener("keydown", (event) => {
    const { listener, speaker, block } = now,
      [y, x] = at ?? [Math.floor(listener / block), Math.floor((speaker ?? 0) / block)];
    const moves = {
      ArrowUp: [y - 1, x],
      ArrowDown: [y + 1, x],
      ArrowLeft: [y, x - 1],
      ArrowRight: [y, x + 1],
      Home: [y, 0],
      End: [y, y],
    };
    if (event.key in moves) point(...moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") { at ??= [y, x]; take(); }
    else if (event.key === "Escape") away();
    else return;
    event.preventDefault();
  });
  twin.addEventListener("toggle", () => {
    if (twin.open && now) fill();
  });
  const place = make(
    "div",
    { class: "matrix" },
    make(
      "div",
      { class: "names-and-matrix" },
      rows,
      make("div", { class: "squares" }, canvas, signs, row, cell, cursor),
      columns,
    ),
    scale,
    sentence,
    twin,
  );
  return { place, show };
}
