// What one listener hears in one head, as the account of attention has its numbers.

import { make, table } from "../make.js";
import { wide } from "../step/drawings.js";
import { number, signed } from "../words.js";
import { headOf, layerOf, plain, spoken, towards, unbroken } from "./names.js";

const ROWS = 64; // speakers that stand in the table at first
const FIRST = 8; // numbers of what the heads are fused into, at first
const TERMS = 8; // of a sum over all places that are written out, the largest

/** The whole of it; `pick` is told a speaker, `normed` is whether a last norm stands before the scores. */
export function numbers(told, { found, one, run, prompt, normed, pick, telling }) {
  const { place, speaker, opened, width } = told, names = found.speakers, called = (at) => `place ${at}, ${names[at]}`;
  const biased = told.speakers[0].bias !== null;
  const before = told.turned ? ` Both are ${told.turned} before they meet.` : "";
  return [
    make("h2", {}, `What ${called(place)}, hears in ${headOf(one)}, step ${found.step.toLocaleString("en")}`),
    telling(() => ({
      plain:
        `Its query q meets the key k of ${opened === 1 ? "the one place" : `each of the ${opened} places`} it may ` +
        `hear.${before} Their product q·k, over ` +
        `√${width}${biased ? " and with what their distance adds" : ""}, is a score; softmax ` +
        "makes of the scores shares that add up to 1; what is heard is the sum of the values v, each times its share.",
      maths: [...formulas(told.account.formula, biased), `w = ${width}, the numbers of a head`],
      code: `${told.turned ? `# q and k were ${told.turned}\n` : ""}` +
        `${biased ? told.account.code.replace("\n", "\ns = s + distance   # what the distance of two places adds\n") : told.account.code}`,
    })).place,
    speakers(told, found, pick),
    make("h3", {}, `With the numbers put in, for ${called(speaker)}`),
    make(
      "dl",
      { class: "worked" },
      told.lines.flatMap((line) => [make("dt", {}, line.what), make("dd", { class: "number" }, unbroken(filled(line)))]),
    ),
    vectors(told, called),
    ...fused(told, one, telling),
    ...effect(told, found, one, normed, telling),
    make(
      "details",
      {},
      make("summary", {}, "As explain tells it"),
      make(
        "pre",
        { tabindex: "0" },
        `fogwalk explain ${run} --step ${found.step} --prompt ${quoted(prompt)} --at ${one.table} --place ${place} ` +
          `--head ${one.head}\n\n${told.text}`,
      ),
    ),
  ];
}

/** Of the account's formula what each head does: how the heads are fused is told further down. */
const formulas = (formula, biased) => formula.split(/ {4}/).filter((one) => !one.startsWith("y"))
  .map((one) => (biased ? one.replace("√w", "√w + distance, what the distance of two places adds") : one));

const filled = (line) => `${line.formula} = ${line.filled ? `${line.filled} = ` : ""}${number(line.result)}`;

const quoted = (text) =>
  /^[\x20-\x7e]*$/.test(text) && !/["$`\\!]/.test(text)
    ? `"${text}"`
    : `$'${text.replace(/[\\']/g, "\\$&").replace(/\n/g, "\\n").replace(/\t/g, "\\t")}'`;

/** One row for each place that speaks, or may not. */
function speakers(told, found, pick) {
  const { width, place, speaker } = told,
    some = told.speakers[0];
  const titles = [
    "speaker",
    "q·k",
    `q·k/√${width}`,
    ...(some.bias === null ? [] : ["+ distance"]),
    "mask",
    "share p",
    "|v|",
    "p·|v|",
    ...(some.effect === null ? [] : [`adds to ${plain(told.effect.token)}`]),
  ];
  const closed = told.speakers.length - told.opened;
  const body = make("tbody", {});
  const cell = (words) => make("td", { class: "number" }, words);
  const row = (one) => {
    const shut = one.place >= told.opened;
    const name = make(
      "button",
      { "aria-pressed": String(one.place === speaker), disabled: shut, onclick: () => pick(one.place) },
      `${one.place} ${plain(found.speakers[one.place])}`,
    );
    return make(
      "tr",
      { class: [one.place === speaker ? "picked" : null, shut ? "closed" : null].filter(Boolean).join(" ") || null },
      make("th", { scope: "row" }, name),
      cell(number(one.dot)),
      cell(number(one.scaled)),
      one.bias === null ? null : cell(number(one.bias)),
      cell(shut ? "closed" : "open"),
      cell(number(one.share)),
      cell(number(one.size)),
      cell(number(one.heard)),
      one.effect === null ? null : cell(signed(one.effect)),
    );
  };
  const few = told.speakers.length > ROWS,
    strongest = new Set(told.speakers.toSorted((one, other) => other.share - one.share).slice(0, ROWS));
  const list = (all) => body.replaceChildren(...told.speakers.filter((one) => all || !few || strongest.has(one)).map(row));
  const all = few
    ? make(
        "button",
        {
          onclick: () => {
            list(true);
            all.remove();
          },
        },
        `All ${told.speakers.length} places`,
      )
    : null;
  list(false);
  const head = titles.map((title, at) => make("th", { scope: "col", class: at ? "number" : null }, title));
  const inside = make("table", { class: "speakers" }, make("thead", {}, make("tr", {}, head)), body);
  const more = few ? ` The ${ROWS} largest shares are listed.` : "";
  const shut = closed
    ? ` ${closed === 1 ? "One chair is" : `${closed} chairs are`} closed for place ${place}: whatever the score there, ` +
      "the mask takes it out before softmax, and the share is 0."
    : "";
  return make(
    "div",
    {},
    make("p", { class: "quiet" }, `A speaker's name puts its numbers into the formulas below.${shut}${more}`),
    wide(inside, "what each place says to the listener", "tall"),
    all,
  );
}

/** Query, key, value and what is heard, number by number. */
function vectors(told, called) {
  const { query, key, value, heard, width, place, speaker } = told;
  const cut = query.length < width ? `The first ${query.length} of ${width} numbers.` : `All ${width} numbers.`;
  return make(
    "details",
    {},
    make("summary", {}, "Query, key, value and what is heard, number by number"),
    make(
      "p",
      { class: "quiet" },
      `${cut} The query is of ${called(place)}; key and value are of ${called(speaker)}; heard is Σ p·v over all places.`,
    ),
    table(
      ["#number", "#query q", "#key k", "#value v", "#heard m"],
      query.map((one, at) => [at, number(one), number(key[at]), number(value[at]), number(heard[at])]),
    ),
  );
}

/** How the output matrix fuses the heads. */
function fused(told, { head }, telling) {
  const { rows, width } = told.fused,
    heads = rows[0].parts.map((_, each) => `#head ${each}`),
    bias = rows[0].bias !== null;
  const lines = rows.map((one) => [
    `y ${one.unit}`,
    ...one.parts.map(signed),
    ...(bias ? [signed(one.bias)] : []),
    number(one.output),
  ]);
  const titles = ["", ...heads, ...(bias ? ["#bias"] : []), "#together"];
  const most = `${rows.length === width ? "all" : `the largest ${rows.length} of`} ${width}`;
  return [
    make("h3", {}, "The heads fused"),
    telling(() => ({
      plain:
        heads.length === 1
          ? `What the one head heard goes through the output matrix O, which makes ${width} numbers y of it.`
          : `What all ${heads.length} heads heard stands side by side, and the output matrix O makes ${width} numbers y of ` +
            `it: each is a sum of what every head gives to it. This is head ${head}.`,
      maths: ["y = O·[m of all heads]", unbroken(`y[${rows[0].unit}] = ${summed(rows[0])} = ${number(rows[0].output)}`)],
      code: `y = torch.cat(heard, dim=-1) @ O.T${bias ? " + bias" : ""}   # heard: what each head heard`,
    })).place,
    make("p", { class: "quiet" }, `The ${Math.min(FIRST, rows.length)} numbers furthest from 0.`),
    table(titles, lines.slice(0, FIRST)),
    rows.length > FIRST
      ? make("details", {}, make("summary", {}, `More of them: ${most}`), table(titles, lines.slice(FIRST)))
      : null,
  ].filter(Boolean);
}

const summed = ({ parts, bias }) =>
  parts.map((part, each) => `${signed(part)} (head ${each})`).join(" ") + (bias === null ? "" : ` ${signed(bias)} (bias)`);

/** What the heads, and the layer, add to the score. */
function effect(told, found, { table: layer, head }, normed, telling) {
  const title = make("h3", {}, "The effect on the answer's score");
  if (!told.effect) return [title, make("p", {}, `It cannot be told of this model: ${found.untold}.`)];
  const { heads, bias, layer: whole } = told.effect, last = told.place === found.listeners.length - 1;
  const token = spoken(told.effect.token), adds = signed(heads[head]), formula = towards(normed);
  const rows = heads.map((value, each) => [`head ${each}`, signed(value)]);
  const rest = Math.abs(bias) > 1e-5 ? [["bias", signed(bias)]] : [];
  return [
    title,
    telling(() => ({
      plain: [unbroken(
        `Place ${told.place} finds ${token} likeliest next. To its score above the mean of all tokens this head adds ${adds}, ` +
          `and the layer ${signed(whole)}${last ? `, which is what the Answer screen tells of ${layerOf(layer)}` : ""}. ` +
          "That is the straight way from here to the answer, the last norm's scale held as it was; what later layers make of it " +
          "counts as theirs.",
      )],
      maths: [
        "effect = (O·m)·d, O the output matrix, its columns of this head; m what it heard",
        ...formula.maths,
        unbroken(`head ${head}, with answer = ${token}: Σ p·(O·v)·d = ${added(told)} = ${adds}`),
      ],
      code: `answer = logits.argmax()   # of this place: ${token}\n${formula.code}` +
        `(m @ O.T) @ d   # m: what head ${head} heard; O: the output matrix, its columns of this head`,
    })).place,
    make(
      "details",
      {},
      make("summary", {}, "Head by head"),
      table(["", "#adds"], [...rows, ...rest, ["together", signed(whole)]]),
    ),
  ];
}

/** What each speaker adds through this head, the largest where there are many, and what the others come to. */
function added({ speakers, opened }) {
  const there = speakers.slice(0, opened), size = ({ effect }) => Math.abs(effect);
  const largest = new Set(there.toSorted((one, other) => size(other) - size(one)).slice(0, TERMS));
  const others = there.filter((one) => !largest.has(one)), rest = others.reduce((sum, one) => sum + one.effect, 0);
  return there.filter((one) => largest.has(one)).map((one) => `${signed(one.effect)} (place ${one.place})`).join(" ")
    + (others.length ? ` ${signed(rest)} (the other ${others.length})` : "");
}
