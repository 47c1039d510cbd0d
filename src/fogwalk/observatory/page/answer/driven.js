// What made the likeliest token likely: what each layer would say, what each added, what each token of the prompt does, and whom
// the last token listens to.

import { addressWith } from "../address.js";
import { make } from "../make.js";
import { kept } from "../prompt.js";
import { number, signed } from "../words.js";
import { ofHeads, ofLayers, ofParts, ofTokens } from "./sources.js";
import { boxed, entries, signedTable, track, twin } from "./told.js";

const MOST_TOKENS = 256; // of a prompt that are drawn, the last

/** `picked` is the layer that is looked at; `normed`, whether the model normalises its stream at its end. */
export async function driven({ run, prompt, step, found, logits, picked, normed, telling }) {
  const { structure, without, probability, listens } = found, place = structure.tokens.length - 1;
  const entry = entries(run, { prompt, step: structure.step }, telling);
  const look = (path, quietly) =>
    entry.look(path, { place }, `${path} at place ${place}, ${structure.tokens[place]}`, quietly);
  if (picked in structure.parts && picked !== "embedding") await look(picked, false);
  const first = [...layers(structure, normed, telling), ...added(structure, logits, normed, look, telling), entry.place];
  const then = [
    ...tokens(structure.tokens, without, probability, structure.best_name, telling),
    ...heard(run, prompt, step, structure.tokens, listens, telling),
  ];
  return Object.keys(structure.by_layer).length ? { beside: first, below: then } : { beside: [...then, ...first], below: [] };
}

function layers(structure, normed, telling) {
  const { by_layer: by, says, best_name: best } = structure, rows = Object.entries(by);
  if (rows.length < 2) return [];
  const other = rows.findLastIndex(([name]) => says[name].name !== best), first = rows[other + 1];
  return [
    make("h2", {}, "By layer"),
    telling(() => ofLayers(structure, normed)).place,
    first ? make("p", {}, `From ${first[0]} on it is ${best}.`) : null,
    boxed(
      "by layer",
      ["after", "", `#p of ${best}`, "it would say"],
      rows.map(([name, p]) => [name, track(p), number(p), `${says[name].name} ${number(says[name].p)}`]),
      { class: "chances", id: "by-layer" },
    ),
  ];
}

function added(structure, logits, normed, look, telling) {
  const rows = Object.entries(structure.parts).map(([path, value]) => ({
    path,
    name: path === "embedding" ? path : make("button", { type: "button", class: "token", onclick: () => look(path) }, path),
    value,
  }));
  const title = make("h2", {}, "What each layer added");
  const untold = "Not told of this model: its layers are not simply added up, or its last norm takes a mean off.";
  if (!rows.length) return [title, make("p", { class: "quiet" }, untold)];
  const most = rows.reduce((one, other) => (Math.abs(other.value) > Math.abs(one.value) ? other : one));
  const sum = rows.reduce((total, one) => total + one.value, 0);
  return [
    title,
    telling(() => ofParts(structure, logits, normed)).place,
    make("p", {}, `The most came from ${most.path}, ${signed(most.value)}. A click or Enter on a layer tells its numbers.`),
    signedTable(
      "what each layer added to the score",
      [...rows, { name: "together", value: sum, total: true }],
      ["layer", "", "#added"],
    ),
  ];
}

/** Each token with the change of the answer without it: one that it hangs on is blue and +, for it adds to the answer. */
function tokens(names, without, p, best, telling) {
  const first = Math.max(0, names.length - MOST_TOKENS),
    does = without.map((value) => p - value),
    most = Math.max(...does.map(Math.abs), 1e-30);
  const top = does.reduce((at, value, each) => (Math.abs(value) > Math.abs(does[at]) ? each : at), 0);
  const chips = names.slice(first).map((name, each) => {
    const value = does[first + each];
    return make(
      "li",
      {
        class: value < 0 ? "prompt-token minus" : "prompt-token plus",
        style: `--share: ${Math.abs(value) / most}`,
        title: `place ${first + each}: without it ${number(without[first + each])}`,
      },
      make("span", {}, name),
      make("span", { class: "number" }, short(value)),
    );
  });
  const strongest = `${names[top]} at place ${top} does most: without it the probability is ${number(without[top])}.`;
  return [
    make("h2", {}, "What each token does"),
    telling(() => ofTokens(names, without, p, best)).place,
    make(
      "p",
      {},
      `${does[top] ? strongest : "No token changes it."}` +
        `${first ? ` The last ${MOST_TOKENS} of ${names.length} tokens are drawn.` : ""}`,
    ),
    make("ol", { class: "prompt-tokens", "aria-label": "the prompt's tokens" }, chips),
    twin(["#place", "token", "#p without it", "#does"], () =>
      names.map((name, place) => [place, name, number(without[place]), signed(does[place])]),
    ),
  ];
}

function heard(run, prompt, step, names, { heads, of }, telling) {
  if (!heads.length) return [];
  const last = names.length - 1, text = kept(prompt);
  const seat = { view: "round", run, prompt: text, step, listener: text === prompt ? last : null };
  const rows = heads.map(({ layer, head, heard: list }) => [
    make("a", { href: addressWith({ ...seat, layer, head }, {}) }, `${layer}, head ${head}`),
    list.map(([place, share]) => `${names[place]} (${place}) ${number(share)}`).join(",  "),
  ]);
  return [
    make("h2", {}, "Whom the last token listens to"),
    telling(() => ofHeads(names, heads)).place,
    make("p", {}, `A head opens its round table.${of > heads.length ? ` ${heads.length} of ${of} heads are told.` : ""}`),
    boxed("whom the last token listens to", ["head", "token (place) share"], rows),
  ];
}

const short = (value) => (Math.abs(value) < 5e-7 ? "0" : `${value < 0 ? "-" : "+"}${Math.abs(value).toPrecision(2)}`);
