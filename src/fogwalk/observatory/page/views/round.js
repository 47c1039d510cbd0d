import { go } from "../address.js";
import { draw, make } from "../make.js";
import { heatmap } from "../heatmap.js";
import { ask, run as at } from "../server.js";

const MOST = 60; // arcs that are drawn
const LEAST = 0.02; // share below which no arc is drawn

export const round = {
  id: "round",
  title: "Round table",
  question: "Who listens to whom?",
  needs: ["run"],

  async draw(place, { opened, picks }) {
    if (opened.kind !== "transformer") throw new Error("Only a transformer of text has a round table: here no token listens to another.");
    const field = make("input", { value: picks.prompt ?? "", placeholder: "A text to read", size: 40, "aria-label": "the text to read" });
    const told = make("div", {}, make("p", { class: "quiet", role: "status" }, picks.prompt ? "Reading …" : "Write a few words: each token takes a chair, and listens to those before it."));
    place.append(make("h1", {}, this.question), make("form", { class: "controls", onsubmit: (event) => { event.preventDefault(); go({ prompt: field.value, listener: null }); } }, field, make("button", {}, "Read")), told);
    if (!picks.prompt) return;
    const found = await ask(`${at(opened.name)}/answer`, { prompt: picks.prompt, step: picks.step });
    const tokens = found.structure.tokens, tables = Object.keys(found.tensors).filter((name) => name.startsWith("weights/")).map((name) => name.slice(8));
    const layer = tables.includes(picks.layer) ? picks.layer : tables[0], heads = found.tensors[`weights/${layer}`];
    const head = Math.min(heads.length - 1, Number(picks.head ?? 0)), listener = Math.min(tokens.length - 1, Number(picks.listener ?? tokens.length - 1));
    const pick = (name, value, options) => make("select", { "aria-label": name, onchange: (event) => go({ [name]: event.target.value }) }, options.map((one) => make("option", { value: one, selected: String(one) === String(value) }, `${one}`)));
    const numbers = make("div", { role: "status" }, make("p", { class: "quiet" }, "Its numbers …"));
    const weights = heads[head], listen = (token) => go({ listener: token });
    told.replaceChildren(
      make("div", { class: "controls" }, make("label", {}, "layer ", pick("layer", layer, tables)), make("label", {}, "head ", pick("head", head, heads.map((_, each) => each)))),
      make("div", { class: "two" }, seats(tokens, weights, listener, listen),
        heatmap({ values: weights.map((row, y) => row.map((value, x) => (x > y ? null : value))), title: "rows listen, columns speak; grey chairs are closed: they come later", rows: tokens.map((one, each) => `${each} ${one}`), columns: tokens.map((one, each) => `${each} ${one}`), share: (value) => value, open: listen, size: 16, square: true })),
      make("h2", {}, `What place ${listener}, ${tokens[listener]}, hears in head ${head}`), numbers,
    );
    try {
      const entry = await ask(`${at(opened.name)}/answer/entry`, { prompt: picks.prompt, step: picks.step, at: layer, place: listener, head });
      numbers.replaceChildren(make("pre", { tabindex: "0" }, entry.text));
    } catch (error) {
      numbers.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  },
};

/** The tokens on a circle; from the listener an arc to each speaker, as wide as its share; the other listeners' strongest faintly. */
function seats(tokens, weights, listener, listen) {
  const size = 420, middle = size / 2, radius = middle - 52, turn = (place) => (place / tokens.length) * 2 * Math.PI - Math.PI / 2;
  const seat = (place, away = radius) => [middle + away * Math.cos(turn(place)), middle + away * Math.sin(turn(place))];
  const arcs = [];
  weights.forEach((row, from) => row.forEach((share, to) => { if (to <= from && share >= LEAST) arcs.push([from, to, share]); }));
  arcs.sort((one, other) => (other[0] === listener) - (one[0] === listener) || other[2] - one[2]);
  const shown = arcs.slice(0, MOST);
  const path = ([from, to, share]) => {
    const [[x, y], [u, v]] = [seat(from), seat(to)];
    const shape = from === to ? `M${x},${y} q18,-30 0,-30 q-18,0 0,30` : `M${x},${y} Q${middle},${middle} ${u},${v}`;
    return draw("path", { d: shape, class: from === listener ? "arc mine" : "arc", "stroke-width": Math.max(0.75, share * 10) }, draw("title", {}, `${from} ${tokens[from]} listens to ${to} ${tokens[to]}: ${share.toFixed(4)}`));
  };
  const names = tokens.map((token, place) => {
    const [x, y] = seat(place, radius + 22);
    return draw("g", { class: place === listener ? "seat picked" : "seat", role: "button", tabindex: "0", "aria-label": `place ${place}, ${token}`, onclick: () => listen(place), onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); listen(place); } } },
      draw("circle", { cx: x, cy: y, r: 17 }), draw("text", { x, y: y + 1, "text-anchor": "middle" }, token.slice(0, 7)), draw("text", { class: "chair", x, y: y + 12, "text-anchor": "middle" }, String(place)));
  });
  const cut = arcs.length > shown.length ? `; the strongest ${shown.length} of ${arcs.length} arcs are drawn` : `; ${arcs.length} arcs`;
  return make("div", {}, draw("svg", { class: "drawing table", viewBox: `0 0 ${size} ${size}`, role: "group", "aria-label": "the round table" }, shown.toReversed().map(path), names),
    make("p", { class: "quiet" }, `Place ${listener}, ${tokens[listener]}, listens: wide arcs are large shares. Shares below ${LEAST} are left out${cut}.`));
}
