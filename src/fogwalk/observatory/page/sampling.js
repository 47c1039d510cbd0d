// From logits to what the next token is drawn with, as src/fogwalk/generation/sampling.py has it: temperature, top-k, top-p, in this
// order. Pure functions of numbers.

export const KEPT = 0, BY_GREED = 1, BY_TOP_K = 2, BY_TOP_P = 3, NEVER_SAID = 4;
export const LIMITS = { temperature: [0, 100], top_k: [1, Infinity], top_p: [0, 1] };

/** Probabilities that sum to 1. */
export function softmax(logits) {
  const highest = logits.reduce((most, one) => Math.max(most, one), -Infinity);
  const powers = Float64Array.from(logits, (one) => Math.exp(one - highest));
  const total = powers.reduce((sum, one) => sum + one, 0);
  return powers.map((one) => one / total);
}

/** In nats; e to its power equally likely tokens would leave one as unsure. */
export const entropy = (chances) => chances.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);

/** The places of the logits, the largest first, of equals the first. */
export const ranked = (logits) => Array.from(logits, (_, place) => place).sort((one, other) => logits[other] - logits[one] || one - other);

/** What a token is drawn with: its `chances`, summing to 1, those `before` anything is cut, and why each is `cut`. `unsaid` is the
    token that is never generated, -1 where there is none. */
export function drawn(logits, { temperature = 1, top_k = null, top_p = null, unsaid = -1 } = {}, order = ranked(logits)) {
  const scores = Float64Array.from(logits), cut = new Uint8Array(scores.length);
  if (unsaid >= 0) [scores[unsaid], cut[unsaid]] = [-Infinity, NEVER_SAID];
  const said = order.filter((token) => token !== unsaid), highest = scores[said[0]];
  if (temperature === 0) {
    said.slice(1).forEach((token) => { cut[token] = BY_GREED; });
    return { before: softmax(scores), chances: scores.map((_, token) => (token === said[0] ? 1 : 0)), cut };
  }
  const tempered = scores.map((score) => (score - highest) / Math.max(temperature, 1e-38)), before = softmax(tempered);
  if (top_k !== null) for (const token of said.slice(top_k)) [tempered[token], cut[token]] = [-Infinity, BY_TOP_K];
  const chances = softmax(tempered);
  if (top_p !== null && top_p < 1) {
    let total = 0;
    said.forEach((token, rank) => {
      const p = Math.fround(chances[token]);
      total += p;
      if (rank && !cut[token] && Math.fround(total) - p >= top_p) cut[token] = BY_TOP_P;
    });
    const kept = chances.reduce((sum, p, token) => (cut[token] ? sum : sum + p), 0);
    chances.forEach((p, token) => { chances[token] = cut[token] ? 0 : p / kept; });
  }
  return { before, chances, cut };
}
