// What made the likeliest token likely: what each layer would say, what each added, what each token of the prompt does, and whom
// the last token listens to.

import { addressWith } from "../address.js";
import { make } from "../make.js";
import { kept } from "../prompt.js";
import { number, signed } from "../words.js";
import { entries, signedBars, track, twin } from "./told.js";

const MOST_TOKENS = 256; // of a prompt that are drawn, the last

export async function driven(run, prompt, step, { structure, without, probability, listens }, picked) {
  const best = structure.best_name,
    entry = entries(run, { prompt, step: structure.step }),
    place = structure.tokens.length - 1;
  const look = (path, quietly) =>
    entry.look(path, { place }, `${path} at place ${place}, ${structure.tokens[place]}`, quietly);
  if (picked in structure.parts && picked !== "embedding") await look(picked, false);
  const first = [layers(structure, best), added(structure, best, look), entry.place].filter(Boolean),
    then = [tokens(structure.tokens, without, probability, best), heard(run, prompt, step, structure.tokens, listens)].filter(
      Boolean,
    );
  return Object.keys(structure.by_layer).length
    ? { beside: first.flat(), below: then.flat() }
    : { beside: [...then, ...first].flat(), below: [] };
}

function layers({ by_layer: by, says }, best) {
  const rows = Object.entries(by);
  if (rows.length < 2) return null;
  const first = rows.find(
    ([name]) =>
      says[name].name === best &&
      rows.slice(rows.findIndex(([one]) => one === name)).every(([later]) => says[later].name === best),
  );
  return [
    make("h2", {}, "By layer"),
    make(
      "p",
      {},
      `If the stream ended after a layer: how likely ${best} would be, and what would be likeliest instead. ` +
        `${first ? `From ${first[0]} on it is ${best}.` : ""} The stream is normalised first, so even a small one may ` +
        "be sure.",
    ),
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "by layer" },
      make(
        "table",
        { class: "chances", id: "by-layer" },
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            ["after", "", `#p of ${best}`, "it would say"].map((title) =>
              make(title ? "th" : "td", { class: title.startsWith("#") ? "number" : null }, title.replace("#", "")),
            ),
          ),
        ),
        make(
          "tbody",
          {},
          rows.map(([name, p]) =>
            make(
              "tr",
              {},
              make("td", {}, name),
              track(p),
              make("td", { class: "number" }, number(p)),
              make("td", {}, `${says[name].name} ${number(says[name].p)}`),
            ),
          ),
        ),
      ),
    ),
  ];
}

function added({ parts, score }, best, look) {
  const rows = Object.entries(parts).map(([name, value]) => ({
    path: name,
    name: name === "embedding" ? name : make("button", { type: "button", class: "token", onclick: () => look(name) }, name),
    value,
  }));
  if (!rows.length)
    return [
      make("h2", {}, "What each layer added"),
      make(
        "p",
        { class: "quiet" },
        "Not told of this model: its layers are not simply added up, or its last norm takes a mean off.",
      ),
    ];
  const most = rows.reduce((one, other) => (Math.abs(other.value) > Math.abs(one.value) ? other : one));
  const sum = rows.reduce((total, one) => total + one.value, 0);
  return [
    make("h2", {}, "What each layer added"),
    make(
      "p",
      {},
      `To the score of ${best} above the mean of all tokens, ${number(score)}: the parts add up to it. The most came ` +
        `from ${most.path}, ${signed(most.value)}. A click or Enter on a layer tells its numbers.`,
    ),
    signedBars(
      "what each layer added to the score",
      [...rows, { name: "together", value: sum, total: true }],
      ["layer", "", "#added"],
    ),
  ];
}

/** Each token with the change of the answer without it: one that it hangs on is blue and +, for it adds to the answer. */
function tokens(names, without, p, best) {
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
  return [
    make("h2", {}, "What each token does"),
    make(
      "p",
      {},
      `${best} has ${number(p)}. Each number is by how much that is more than it would be without the token (the mean ` +
        `of all tokens in its place): + helps, - hinders. ` +
        (does[top]
          ? `${names[top]} at place ${top} does most: without it the probability is ${number(without[top])}.`
          : "No token changes it.") +
        `${first ? ` The last ${MOST_TOKENS} of ${names.length} tokens are drawn.` : ""}`,
    ),
    make("ol", { class: "prompt-tokens", "aria-label": "the prompt's tokens" }, chips),
    twin(["#place", "token", "#p without it", "#does"], () =>
      names.map((name, place) => [place, name, number(without[place]), signed(does[place])]),
    ),
  ];
}

function heard(run, prompt, step, names, { heads, of }) {
  if (!heads.length) return null;
  const last = names.length - 1, text = kept(prompt);
  const seat = { view: "round", run, prompt: text, step, listener: text === prompt ? last : null };
  const rows = heads.map(({ layer, head, heard: list }) =>
    make(
      "tr",
      {},
      make(
        "td",
        {},
        make(
          "a",
          { href: addressWith({ ...seat, layer, head }, {}) },
          `${layer}, head ${head}`,
        ),
      ),
      make("td", {}, list.map(([place, share]) => `${names[place]} (${place}) ${number(share)}`).join(",  ")),
    ),
  );
  return [
    make("h2", {}, "Whom the last token listens to"),
    make(
      "p",
      {},
      `${names[last]} at place ${last}: the three it hears most in each head, with their shares. A head opens its round ` +
        `table.${of > heads.length ? ` ${heads.length} of ${of} heads are told.` : ""}`,
    ),
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "whom the last token listens to" },
      make(
        "table",
        {},
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            ["head", "token (place) share"].map((title) => make("th", { scope: "col" }, title)),
          ),
        ),
        make("tbody", {}, rows),
      ),
    ),
  ];
}

const short = (value) => (Math.abs(value) < 5e-7 ? "0" : `${value < 0 ? "-" : "+"}${Math.abs(value).toPrecision(2)}`);
