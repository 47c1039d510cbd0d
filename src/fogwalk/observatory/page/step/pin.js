// A weight that is pinned stays in sight above the stations, and each station says what it did there.

import { make } from "../make.js";
import { number, signed } from "../words.js";
import { quoted } from "../round/names.js";
import { pair, put, signedBars, visible } from "./drawings.js";
import { explained } from "./say.js";

const CHAIN = "W.grad += delta * x    # of each row and place: what autograd adds up for each weight";

/** layers.0.weight[3,1] -> {name, at}; null for what is none. */
export function weightOf(written) {
  const found = /^([\w.]+)\[(\d+(?:,\d+)*)?\]$/.exec(written ?? "");
  return found ? { name: found[1], at: found[2] ?? "" } : null;
}

export const written = (name, at) => `${name}[${[at].flat().join(",")}]`;

/** The strip above the stations; `told` is the weight as the server tells it. */
export function strip(told, station, found, { unpin, next, check, another }) {
  const name = make("strong", {}, written(told.name, told.at)), role = told.role ? ` ${quoted(told.role)}.` : ".";
  const whole = `its gradient ${signed(told.gradient)}; this step changes it by ${signed(told.change)}.`;
  const change = told.brief ? "." : `, ${whole}`; // while it is followed each station adds what it tells
  const after = station === "again" && told.worked, [was, is] = pair(told.old, told.new);
  return make("section", { class: "pinned", "aria-label": "the pinned weight" },
    make("p", {}, name, role, after ? ` It was ${was} and is ${is} now.` : ` It is ${number(told.old)}${change}`),
    make("p", { role: "status" }, HERE[station]?.(told, found) ?? ""),
    make("div", { class: "controls" },
      next ? make("button", { class: told.brief ? "main" : null, onclick: next.go }, next.title) : null,
      station === "blame" ? make("button", { onclick: check }, "check its gradient by moving it") : null,
      after && told.brief && another ? make("button", { onclick: another }, "what if it were another?") : null,
      make("button", { onclick: unpin, title: "Esc does it too" }, told.brief ? "stop following (Esc)" : "unpin (Esc)")));
}


/** Where none is pinned: one can be picked, to be followed through all stations; at an early step, where one is given. */
export function invitation(follow, early) {
  const button = make("button", { class: "main", onclick: follow }, "Follow one weight");
  const when = early === null ? "" : ` It goes to step ${early}, early in the run, where weights still move much.`;
  const words = ` through the six stations: what it did, how it was blamed, how it moved.${when}`;
  return make("p", { class: "quiet" }, "New here? ", button, words);
}

/** The parameter whose weights are followed first. Of a table the first matrix, which reads the columns themselves; else the
 * last, which makes the answers. Muon turns a whole matrix at once: its weights are taken only where there are no others. */
export function easiest(parameters, columns) {
  const matrices = parameters.filter((one) => one.shape.length > 1), alone = matrices.filter((one) => one.optimizer !== "Muon");
  const multiply = (some) => some.filter((one) => !/^(embedding|positions)/.test(one.name));
  const known = [multiply(alone), alone, multiply(matrices), parameters].find((some) => some.length);
  return columns.length ? known[0] : known.at(-1);
}

const place = (told, use) => (use.place === null ? "" : ` at place ${use.place}`);
const isBias = (told) => /bias$/.test(told.name);
const strongest = (uses) => uses.reduce((one, other) => (Math.abs(other.product) > Math.abs(one.product) ? other : one));

/** What it did at each station, in a sentence. */
const HERE = {
  batch: (told) => (told.brief ? "A weight is one number that training changes." : "It has met nothing of the batch yet."),
  forward(told) {
    const embedding = told.type === "Embedding";
    if (!told.used) return embedding ? `In row ${told.row} that token does not stand, so it was not read there.` : "";
    const use = told.focus ?? strongest(told.uses), many = told.used.toLocaleString("en");
    if (embedding) {
      const where = told.used === 1 ? `place ${use.place}` : `${many} places`;
      return `In row ${told.row} that token stands at ${where}: there the weight was read as it is, ${number(told.old)}.`;
    }
    if (isBias(told)) {
      const where = told.used > 1 ? `, at all ${many} places alike` : "";
      const part = `${signed(told.old)}, a part of ${number(use.makes)}${place(told, use)}`;
      return `In row ${told.row} it was added as it is${where}: ${part}.`;
    }
    const most = told.used > 1 ? (told.brief ? `, one of ${many},` : `, where of ${many} places it counted most,`) : "";
    const product = `${put(told.old)} · ${put(use.read)} = ${signed(use.product)}`;
    return `In row ${told.row}${place(told, use)}${most} the weight was multiplied with ${number(use.read)}: ${product}. `
      + `With all the others that comes to ${number(use.makes)}.`;
  },
  loss(told, found) {
    if (told.brief) return "Here the answers that it helped to make are judged.";
    const loss = number(found.structure.loss.recomputed);
    return `The loss, ${loss}, would change by ${signed(told.gradient)} for each 1 that the weight is larger: that is its gradient.`;
  },
  blame(told) {
    if (!told.shares.length) return `Its gradient is ${signed(told.gradient)}.`;
    const [row, share] = told.share === null ? told.shares[0] : [told.row, told.share];
    return `Its gradient, ${signed(told.gradient)}, is what all ${told.records} rows say, each by its part in the mean, added up; `
      + `row ${row} says ${signed(share)}.`;
  },
  update(told) {
    if (!told.worked) return "No update was made: the weight stays as it is.";
    const folded = told.brief && told.optimizer === "AdamW"; // below it is told in words
    const sum = folded ? signed(told.change) : `${signed(told.change)} = ${told.worked}`;
    return `${told.optimizer} moved the weight by ${sum}: ${pair(told.old, told.new).join(" became ")}.`;
  },
  again(told) {
    if (!told.worked) return "No update was made: here the run ended.";
    if (told.brief) return "That was one update of one weight. With the next batch all of it begins anew.";
    const part = `${put(told.gradient)} · ${put(told.change)} = ${signed(told.gradient * told.change)}`;
    return `Its gradient times its change, ${part}, is its part of what was promised.`;
  },
};

/** The pinned weight with the few places and rows that count most, and in `focus` the place that says most of what its row says:
 * while it is followed they are enough. */
export function fewer(told, most = 3) {
  const largest = (uses, by, many = most) => uses.toSorted((one, other) => Math.abs(by(other)) - Math.abs(by(one))).slice(0, many)
    .sort((one, other) => one.place - other.place);
  const own = told.share === null ? [] : [[told.row, told.share]], first = told.shares.slice(0, most);
  const shares = first.some(([row]) => row === told.row) ? first : [...first, ...own]; // the row that is looked at stands there too
  const rest = shares.length ? told.gradient - shares.reduce((sum, [, share]) => sum + share, 0) : 0;
  const [uses, blamed] = [largest(told.uses, (use) => use.product), largest(told.blamed, shareOf)];
  const along = told.blamed.filter((use) => shareOf(use) * (told.share ?? told.gradient) > 0);
  const [focus = null] = largest(along.length ? along : told.blamed, shareOf, 1);
  return { ...told, uses, blamed, shares, rest, focus, brief: true };
}

/** What a place adds to the gradient. */
const shareOf = (use) => use.blame * use.read;

/** Its gradient as the sum over the batch. */
export function shares(told, pick) {
  const unknown = "Which row says what of this weight is not told for this kind of layer.";
  if (!told.shares.length) return make("p", { class: "quiet" }, unknown);
  const row = ([record, value]) => ({ name: `row ${record}`, value, open: () => pick(record), picked: record === told.row });
  const rows = told.shares.map(row), others = told.records - told.shares.length;
  if (others > 0) rows.push({ name: `the other ${others}`, value: told.rest });
  rows.push({ name: "sum = gradient", value: told.gradient });
  return signedBars(rows, `what each row says of ${written(told.name, told.at)}`);
}

/** The chain rule in the picked row, in words and drawn: the blame of what it makes, times what it met. */
export function chain(told, tokens, say) {
  if (!told.blamed.length) return [];
  const shown = told.blamed.length, many = told.used.toLocaleString("en");
  const few = told.used > shown ? `; the ${shown} largest of ${many} places` : "";
  const one = told.focus ?? told.blamed[0], sum = `${put(one.blame)} · ${put(one.read)} = ${signed(shareOf(one))}`;
  const whole = /Linear|Conv/.test(told.type) ? "the sum that the weight is a part of" : "what the weight makes";
  const everywhere = told.used > 1 ? `: so at each of its ${many} places, and added up` : "";
  const plain = told.used > 1 && !told.brief
    ? `In row ${told.row}: δ, the blame of what the weight makes, times x, the number that it met, at each of its ${many} places${few}.`
    : `In row ${told.row}${place(told, one)} δ of ${whole}, times the number that it met${isBias(told) ? ", 1 for a bias" : ""}, is `
      + `${sum}${everywhere}.`;
  const said = { plain, maths: "∂L/∂W = Σ δ·x, over all rows and places; x what the weight met, 1 for a bias", code: CHAIN };
  const part = (use) => ({
    name: named(told, use, tokens), value: shareOf(use), note: `${put(use.blame)} · ${put(use.read)} =`,
  });
  const parts = told.blamed.map(part), { share } = told;
  if (told.used > shown && share !== null) {
    const known = parts.reduce((sum, one) => sum + one.value, 0);
    parts.push({ name: `the other ${(told.used - shown).toLocaleString("en")} places`, value: share - known });
    parts.push({ name: "the row's share", value: share });
  }
  return [explained(say, said), signedBars(parts, "blame times what it met")];
}

const tokenAt = (use, tokens) => (tokens?.[use.place] ? `'${visible(tokens[use.place])}'` : "");
const placed = (use, tokens) => `place ${use.place} ${tokenAt(use, tokens)}`.trim();
const named = (told, use, tokens) => (use.place === null ? `row ${told.row}` : placed(use, tokens));

/** At work in the picked row: what it made where it counts most, out of how much; then all places of which is told. */
export function uses(told, tokens) {
  if (!told.uses.length) return null;
  const most = told.focus ?? strongest(told.uses), rest = most.makes - most.product, many = told.used.toLocaleString("en");
  const product = (use) => (isBias(told) ? "" : `${put(told.old)} · ${put(use.read)} =`);
  const parts = [
    { name: "its part", value: most.product, note: product(most) },
    { name: "all others", value: rest },
    { name: "together", value: most.makes },
  ];
  const alone = Math.abs(rest) <= 1e-6 * Math.abs(most.makes); // it makes all of it: nothing to add up
  const same = told.uses.length > 1 && new Set(told.uses.map((use) => number(use.product))).size === 1;
  const each = told.uses.map((use) => ({ name: named(told, use, tokens), value: use.product, note: product(use) }));
  const where = told.used > each.length && !same ? `The ${each.length} places of ${many} in this row where it counts most`
    : `Its ${many} places in this row`;
  const whole = `In row ${told.row}${place(told, most)} it makes this part of the number that comes out there:`;
  return make("div", {},
    alone || told.brief ? null : make("p", {}, whole),
    alone ? null : signedBars(parts, "its part of what is made"),
    told.used > 1 && !told.brief ? make("h3", {}, where) : null,
    told.brief && !alone ? null
      : same ? make("p", {}, alike(told, tokens))
        : told.used > 1 || alone ? signedBars(each, "weight times what it met") : null);
}

/** Why it counts the same wherever it was at work: then there is nothing to compare. */
function alike(told, tokens) {
  const [use] = told.uses, value = signed(use.product);
  if (told.type === "Embedding") {
    return `It is read as it is wherever its token stands: ${value} each time. What differs is what the layers make of it there.`;
  }
  if (isBias(told)) return `A bias is added as it is, whatever comes in: ${value} at each of them.`;
  const there = new Set(told.uses.map((one) => tokenAt(one, tokens))), [token] = there;
  const counts = `${told.used > told.uses.length ? "Where it counts most it" : "It"} counts the same, ${value}`;
  if (there.size > 1 || !token) return `${counts}: the number that it met, ${number(use.read)}, is the same at each place.`;
  return `${counts}: the same token, ${token}, stands there, and so early in the network it is the same numbers wherever it is.`;
}
