// What made an answer what it is: in plain words, as formulas with this answer's numbers, and in code. Of a text by layer, by part,
// by token and by head; of a row by column; of an image by square.

import { put } from "../step/drawings.js";
import { number, signed } from "../words.js";

const WRITTEN = 12; // parts of a sum that are written out

const farthest = (values) => values.reduce((at, value, each) => (Math.abs(value) > Math.abs(values[at]) ? each : at), 0);

/** If the stream ended after a layer; `normed`, whether the model normalises it at its end. */
export function ofLayers({ by_layer: by, tokens, best_name: best }, normed) {
  const rows = Object.entries(by), [last, p] = rows.at(-1);
  const steps = rows.slice(1).map(([, chance], each) => chance - rows[each][1]), most = farthest(steps);
  return {
    plain: `If the stream ended after a layer: how likely ${best} would be, and what would be likeliest instead.`
      + (normed ? " The stream is normalised first, so even a small one may be sure." : ""),
    maths: [
      `p = softmax(W·${normed ? "norm(h)" : "h"}), h the stream after a layer at place ${tokens.length - 1}, `
        + `${normed ? "norm the last norm, " : ""}W the output matrix`,
      `after ${last}, the last: p(${best}) = ${number(p)}, the answer's own`,
      `most changes with ${rows[most + 1][0]}: ${number(rows[most + 1][1])} - ${number(rows[most][1])} = ${signed(steps[most])}`,
    ],
    code: "for name, stream in streams.items():    # after the embedding and each layer: [batch, time, width]\n"
      + `    p = model.head(${normed ? "model.norm(stream[:, -1])" : "stream[:, -1]"})[0].softmax(0)\n`
      + "    print(name, p[best], p.argmax())",
  };
}

/** What each part of the network added to the score of the likeliest token. */
export function ofParts({ parts, score, best, best_name: name }, logits, normed) {
  const rows = Object.entries(parts), most = rows[farthest(rows.map(([, value]) => value))];
  const more = rows.slice(WRITTEN), rest = more.reduce((sum, [, value]) => sum + value, 0);
  const told = more.length ? [...rows.slice(0, WRITTEN), [`${more.length} more`, rest]] : rows;
  const mean = logits.reduce((sum, value) => sum + value, 0) / logits.length;
  const direction = normed ? "(W[t] - mean of W)·g/√(mean of h² + ε)" : "W[t] - mean of W";
  return {
    plain: `To the score of ${name} above the mean of all tokens, ${number(score)}: the parts add up to it.`,
    maths: [
      `score = s[t] - mean of s = ${number(logits[best])} - ${put(mean)} = ${number(score)}, s the logits, t the token ${name}`,
      `added = v·d, d = ${direction}, v what a part adds to the stream at the last place, W the output matrix`
        + (normed ? ", g the last norm's weights, h the stream it reads: its scale is held as it was" : ""),
      `most, ${most[0]}: v·d = ${signed(most[1])}`,
      `${told.map(([part, value]) => `${put(value)} (${part})`).join(" + ")} = ${number(score)}`,
    ],
    code: "d = model.head.weight[best] - model.head.weight.mean(0)\n"
      + (normed ? "scale = torch.rsqrt(h.square().mean() + model.norm.epsilon)    # h: the stream that the last norm reads\n"
        + "d = d * model.norm.weight * scale\n" : "")
      + "added = {name: v[0, -1] @ d for name, v in parts.items()}    # of the embedding, each attention, each feed-forward",
  };
}

/** Each token's part: the answer with the mean of all tokens in its place. */
export function ofTokens(names, without, p, best) {
  const does = without.map((value) => p - value), top = farthest(does);
  return {
    plain: `${best} has ${number(p)}. Each number is by how much that is more than it would be without the token (the mean of all `
      + "tokens in its place): + helps, - hinders.",
    maths: [
      `does(i) = p - p(e[i] = mean of E), p the probability of ${best}, e[i] the embedding at place i, E those of all tokens`,
      `does(${top}) = ${number(p)} - ${number(without[top])} = ${signed(does[top])}, of ${names[top]}`,
    ],
    code: `def put(module, inputs, rows):          # the mean of all tokens in one place
    rows = rows.clone()
    rows[:, place] = model.embedding.weight.mean(0)
    return rows

hook = model.embedding.register_forward_hook(put)
without = model(ids)[0, -1].softmax(0)[best]
hook.remove()
does = p[best] - without`,
  };
}

/** The shares of the last token's attention. */
export function ofHeads(names, heads) {
  const last = names.length - 1, top = heads.reduce((one, other) => (other.heard[0][1] > one.heard[0][1] ? other : one));
  const rest = 1 - top.heard.reduce((sum, [, share]) => sum + share, 0), others = names.length - top.heard.length;
  const terms = top.heard.map(([place, share]) => `${number(share)} (place ${place}, ${names[place]})`);
  return {
    plain: `${names[last]} at place ${last}: the three it hears most in each head, with their shares.`,
    maths: [
      `p[j] = e^(s[j]) / Σ e^(s), s[j] = q·k[j]/√w, q the query of place ${last}, k[j] the key of place j, w the numbers of each`,
      `${top.layer}, head ${top.head}: ${terms.join(" + ")}`
        + `${others > 0 ? ` + ${number(Math.max(0, rest))} (the other ${others})` : ""} = 1`,
    ],
    code: "s = q[head, -1] @ k[head].T / math.sqrt(head_width)    # some positions add a bias of their own\n"
      + "p = s.softmax(0)\nheard = p.argsort(descending=True, stable=True)[:3]",
  };
}

const ofClass = ({ probabilities }) => Object.keys(probabilities).length > 0;

/** What is told of the answer: a probability, or a number. */
const told = (structure) => (ofClass(structure) ? `the probability of ${structure.answer}` : structure.target);

/** What each column of a row did: the answer with what is usual in its place. */
export function ofColumns(structure, { scale }) {
  const { changes, now } = structure, names = Object.keys(changes), top = names[farthest(Object.values(changes))];
  return {
    plain: `By how much ${told(structure)}, ${number(now)}, is more with what stands in the column than with what is usual there (the `
      + "median, or no word): + raises it, - lowers it. In brackets stands what is read of a number.",
    maths: [
      `does(c) = y - y(c = 0), y ${told(structure)}; as the network reads a column, 0 is the median of a number, or no word`,
      `does(${top}) = ${number(now)} - ${put(now + changes[top])} = ${signed(-changes[top])}`,
    ],
    code: "rows = row.repeat(len(places), 1)       # the row once for each column\n"
      + "for at, where in enumerate(places.values()):\n    rows[at, where] = 0                 # the median, or no word\n"
      + (ofClass(structure) ? "p = model(row[None])[0].softmax(0)\nbest = p.argmax()\ndoes = p[best] - model(rows).softmax(1)[:, best]"
        : `does = (model(row[None])[0, 0] - model(rows)[:, 0]) * ${number(scale)}`),
  };
}

/** What each square of an image did: the answer with the square covered. */
export function ofSquares(structure, [, high, wide], { scale }) {
  const { covered, now } = structure, [down, across] = [covered.length, covered[0].length], top = farthest(covered.flat());
  const [row, column] = [Math.floor(top / across), top % across], change = covered[row][column];
  const part = (at, of, many) => (of === many ? `${at}:${at} + 1` : `${at} * ${of} // ${many}:(${at} + 1) * ${of} // ${many}`);
  return {
    plain: `By how much ${told(structure)}, ${number(now)}, is more than with the square covered (put to the mean): blue with + `
      + "helps, orange with - hinders.",
    maths: [
      `does(r, c) = y - y(square r, c = 0), y ${told(structure)}; as the network reads a pixel, 0 is the mean of its colour`,
      `does(${row}, ${column}) = ${number(now)} - ${put(now + change)} = ${signed(-change)}`,
    ],
    code: `for r in range(${down}):
    for c in range(${across}):
        covered = image.clone()
        covered[:, ${part("r", high, down)}, ${part("c", wide, across)}] = 0
        ` + (ofClass(structure) ? "does[r, c] = p[best] - model(covered[None])[0].softmax(0)[best]"
      : `does[r, c] = (model(image[None])[0, 0] - model(covered[None])[0, 0]) * ${number(scale)}`),
  };
}
