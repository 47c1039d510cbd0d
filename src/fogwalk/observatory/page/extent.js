// How far numbers reach. A large array spread into Math.max is more than the stack of a browser holds, so they are gone through.

/** The least and the largest of numbers, however many. */
export const ends = (values) =>
  values.reduce(([low, top], one) => [Math.min(low, one), Math.max(top, one)], [Infinity, -Infinity]);

/** The largest size among numbers of either sign; never 0, so that it can be divided by. */
export const largestOf = (values) => values.reduce((largest, one) => Math.max(largest, Math.abs(one)), 1e-30);
