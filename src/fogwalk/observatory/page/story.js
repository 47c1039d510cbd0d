// A run's curves while it goes on: what the server had gathered, and every event since. After a resume, what lay beyond its step is
// replaced by what comes later, as every reader of events.jsonl has it.

const SMOOTH = 0.9;

export class Story {
  /** `curves` as the server gathered them, at most `width` buckets. */
  constructor(curves, width) {
    Object.assign(this, curves);
    this.width = width;
    this.each = this.points.length > 1 ? this.points[1][0] - this.points[0][0] : 1; // steps in a bucket
    this.smooth = this.points.at(-1)?.[4] ?? null;
    this.stopped = null;
    this.recent = []; // [seconds, examples] of the latest steps
  }

  /** Take in one event. */
  hear(event) {
    if (event.event === "step") this.step(event);
    else if (event.event === "evaluated") {
      this.validations = this.validations.filter(([step]) => step !== event.step);
      this.validations.push([event.step, event.validation_loss, event.metrics ?? {}]);
    } else if (event.event === "sampled") {
      this.samples = this.samples.filter(([step]) => step !== event.step);
      this.samples.push([event.step, event.prompt, event.text]);
    } else if (event.event === "warned") this.warnings.push([event.step, event.message]);
    else if (event.event === "resumed") this.back(event.step);
    else if (event.event === "stopped") this.stopped = event;
    if (event.steps) this.steps = event.steps;
    if (event.event === "resumed" || event.event === "planned") this.stopped = null;
  }

  step(event) {
    const loss = Number.isFinite(event.loss) ? event.loss : null;
    if (loss !== null) { // the mean without the zero it began with, as the server tells it
      const before = (this.smooth ?? 0) * (1 - SMOOTH ** this.counted);
      this.counted += 1;
      this.smooth = (SMOOTH * before + (1 - SMOOTH) * loss) / (1 - SMOOTH ** this.counted);
    }
    const last = this.points.at(-1);
    if (last && event.step - last[0] < this.each) {
      last[1] = event.step;
      if (loss !== null) [last[2], last[3]] = [Math.min(last[2] ?? loss, loss), Math.max(last[3] ?? loss, loss)];
      last[4] = this.smooth;
    } else this.points.push([event.step, event.step, loss, loss, this.smooth]);
    if (this.points.length > 2 * this.width) this.merge();
    this.last = event;
    this.recent.push([event.seconds, event.examples]);
    if (this.recent.length > 21) this.recent.shift();
    const seconds = event.seconds - this.recent[0][0];
    if (seconds > 0) {
      const later = this.recent.slice(1);
      this.pace = {
        steps: later.length / seconds,
        examples: later.reduce((sum, [, examples]) => sum + examples, 0) / seconds,
      };
    }
  }

  /** Two buckets become one: no spike is lost. */
  merge() {
    const found = [];
    for (let at = 0; at < this.points.length; at += 2) {
      const [one, other] = [this.points[at], this.points[at + 1] ?? this.points[at]];
      const known = (pick, values) => {
        const there = values.filter((value) => value !== null);
        return there.length ? pick(...there) : null;
      };
      found.push([one[0], other[1], known(Math.min, [one[2], other[2]]), known(Math.max, [one[3], other[3]]), other[4]]);
    }
    this.points = found;
    this.each *= 2;
  }

  back(step) {
    this.points = this.points.filter(([, last]) => last <= step);
    this.warnings = this.warnings.filter(([at]) => at <= step);
    this.counted = this.points.at(-1)?.[1] ?? 0;
    this.validations = this.validations.filter(([at]) => at <= step);
    this.samples = this.samples.filter(([at]) => at <= step);
    this.smooth = this.points.at(-1)?.[4] ?? null;
    this.recent = [];
  }

  /** The bucket that holds a step, or the nearest. */
  near(step) {
    let best = null;
    for (const point of this.points) {
      if (point[0] <= step) best = point;
      else break;
    }
    return best ?? this.points[0] ?? null;
  }
}
