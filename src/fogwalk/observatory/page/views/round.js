import { go } from "../address.js";
import { make } from "../make.js";
import { askable, kept, unkept } from "../prompt.js";
import { instead } from "../recorded.js";
import { film } from "../round/film.js";
import { heads } from "../round/heads.js";
import { matrix } from "../round/matrix.js";
import { endsNormed, headOf, MEASURES, plain, spoken, unbroken } from "../round/names.js";
import { numbers } from "../round/numbers.js";
import { side } from "../round/side.js";
import { ask, floats, run as at } from "../server.js";
import { put } from "../step/drawings.js";
import { saying } from "../step/say.js";
import { counted, number, signed } from "../words.js";

const PLAIN = new Set(["mixed", "all alike"]); // habits that are none: another head is shown first
const KEPT = 80; // answers of the server that are kept, so that a film can be played again

export const round = {
  id: "round",
  title: "Round table",
  question: "Who listens to whom?",
  needs: ["run"],
  steps: (opened) => (opened.kind === "transformer" && opened.step ? 0 : null),

  async draw(place, { opened, picks, moved }) {
    place.append(make("h1", {}, this.question));
    if (opened.kind !== "transformer") {
      place.append(
        make(
          "p",
          {},
          "This screen is for transformers that read a text: it shows which earlier tokens each token listens to, head " +
            "by head, and with which numbers.",
        ),
        make(
          "p",
          { class: "trouble" },
          `${opened.name} is no such model: in it no token listens to another. Train one on any text:`,
        ),
        make("pre", {}, "fogwalk train book.txt"),
      );
      return null;
    }
    const screen = new Screen(opened, picks, moved);
    place.append(screen.place);
    await screen.begin(picks.prompt);
    return screen;
  },
};

/** What is picked, and what is drawn of it. Picks stand in the address; what the server said is remembered. */
class Screen {
  constructor({ name, planned }, picks, moved) {
    const whole = (value) => (/^\d{1,12}$/.test(value ?? "") ? Number(value) : null);
    [this.run, this.moved] = [name, moved];
    this.known = new Map();
    this.turn = 0;
    this.step = whole(picks.step);
    this.wanted = { table: picks.layer, head: whole(picks.head) ?? 0 };
    [this.listener, this.speaker] = [whole(picks.listener), whole(picks.speaker)];
    this.measure = picks.measure in MEASURES ? picks.measure : "weight";
    const [table, head, step] = (picks.locked ?? "").split(":");
    this.locked =
      table && whole(head) !== null && whole(step) !== null ? { table, head: Number(head), step: Number(step) } : null;

    const settings = planned.settings ?? {}, context = settings["model.context"];
    this.model = {
      width: settings["model.width"] / settings["model.heads"] || null,
      distance: settings["model.positions"] === "alibi",
      normed: endsNormed(settings),
    };
    this.field = make("textarea", {
      rows: 2,
      cols: 48,
      "aria-label": "the text that is read",
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.read(event);
      },
    });
    this.length = make("p", { class: "quiet" }, context ? `The model looks back over ${context} tokens.` : "");
    this.status = make("p", { class: "sentence quiet", role: "status" });
    this.trouble = make("div", {});
    this.film = film((step) => this.goTo(step));
    this.heads = heads((each) => this.take(each));
    this.pickMeasure = make("select", {
      "aria-label": "what is shown",
      onchange: () => {
        this.measure = this.pickMeasure.value;
        this.redraw();
      },
    });
    this.pickListener = make("select", {
      "aria-label": "the listener",
      onchange: () => this.pick(Number(this.pickListener.value), null),
    });
    this.saying = saying(picks);
    this.told = this.saying.telling(() => MEASURES[this.measure].told(this.model));
    this.untold = make("p", { class: "quiet" });
    this.lock = make("button", { onclick: () => this.toggleLock() });
    this.sides = make("div", { class: "sides" });
    this.difference = make("section", { hidden: true });
    this.numbers = make("section", { class: "heard" });
    this.drawing = make(
      "div",
      { hidden: true },
      make("h2", {}, "All heads"),
      this.heads.place,
      make("h2", {}, "The picked head"),
      make(
        "div",
        { class: "controls" },
        make("label", {}, "show ", this.pickMeasure),
        make("label", {}, "listener ", this.pickListener),
        this.lock,
      ),
      this.saying.place,
      this.told.place,
      this.untold,
      this.sides,
      this.difference,
      this.numbers,
    );
    this.place = make(
      "div",
      {},
      make("form", { class: "controls", onsubmit: (event) => this.read(event) }, this.field, make("button", {}, "Read")),
      this.length, this.film.place, this.status, this.trouble, this.drawing);
  }

  async begin(prompt) {
    this.say("Reading …");
    try {
      this.prompt = askable(prompt || (await ask(`${at(this.run)}/round/opening`)).prompt);
    } catch (error) {
      this.say("");
      this.trouble.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message));
      return;
    }
    this.field.value = this.prompt;
    await this.redraw();
  }

  end() {
    this.film.stop();
    this.turn = -1;
  }

  /** Say why not; what is drawn meanwhile is of what was asked before, and says so. */
  refuse(error) {
    const words = error.message ?? error,
      stale = !this.drawing.hidden && this.drawing.children.length;
    this.trouble.replaceChildren(
      make("p", { class: "trouble", role: "alert" }, stale ? `${words}\nWhat stands below is of the text before.` : words),
      instead(error) ?? "",
    );
  }

  read(event) {
    event.preventDefault();
    this.film.stop();
    try {
      this.prompt = askable(this.field.value);
    } catch (error) {
      this.refuse(error);
      return;
    }
    [this.listener, this.speaker] = [null, null];
    this.known.clear();
    this.redraw();
  }

  /** The frame's player is at another step. */
  show(step) {
    this.film.stop();
    return this.goTo(step);
  }

  goTo(step) {
    this.step = step;
    return this.redraw();
  }

  /** Another head of those that are drawn. */
  take(each) {
    this.wanted = { ...this.found.heads[each] };
    this.redraw();
  }

  toggleLock() {
    this.locked = this.locked ? null : { table: this.one.table, head: this.one.head, step: this.found.step };
    this.redraw();
  }

  /** Another listener, or a speaker too: nothing is asked for but its numbers. */
  pick(listener, speaker) {
    [this.listener, this.speaker] = [listener, speaker];
    this.keep();
    this.drawSides();
    this.drawNumbers();
  }

  say(words) {
    this.status.textContent = words;
  }

  keep() {
    const { locked } = this;
    go(
      {
        prompt: kept(this.prompt),
        step: this.step,
        layer: this.one?.table,
        head: this.one?.head,
        listener: this.listener,
        speaker: this.speaker,
        measure: this.measure === "weight" ? null : this.measure,
        locked: locked ? `${locked.table}:${locked.head}:${locked.step}` : null,
      },
      { quietly: true },
    );
  }

  /** What the server says, remembered. */
  async asked(key, ask) {
    if (!this.known.has(key)) {
      if (this.known.size >= KEPT) this.known.delete(this.known.keys().next().value);
      this.known.set(key, await ask());
    }
    return this.known.get(key);
  }

  async tableAt(step) {
    const query = { prompt: this.prompt, step };
    const found = await this.asked(`table ${step ?? "best"}`, async () => {
      const told = await ask(`${at(this.run)}/round`, query);
      return { ...told, listeners: told.listeners.map(spoken), speakers: told.speakers.map(spoken) };
    });
    const small = await this.asked(`small ${found.step}`, () =>
      floats(`${at(this.run)}/round/thumbnails`, { ...query, step: found.step }),
    );
    return { found, small };
  }

  matrixOf({ table, head, step }) {
    return this.asked(`${step} ${table} ${head} ${this.measure}`, () =>
      floats(`${at(this.run)}/round/head`, { prompt: this.prompt, step, at: table, head, measure: this.measure }),
    );
  }

  /** All of it anew; says whether it could be drawn. What was asked for before comes too late and is left. */
  async redraw() {
    const mine = ++this.turn;
    this.say(this.step === null ? "Reading …" : `Reading as it was at step ${this.step.toLocaleString("en")} …`);
    try {
      const { found, small } = await this.tableAt(this.step);
      if (mine !== this.turn) return true;
      const last = found.listeners.length - 1,
        same = (one) => (other) => other.table === one.table && other.head === one.head;
      this.one = found.heads.find(same(this.wanted)) ?? found.heads.find((one) => !PLAIN.has(one.short)) ?? found.heads[0];
      if (found.untold && this.measure === "effect") this.measure = "weight";
      this.listener = Math.min(last, this.listener ?? last);
      if (this.speaker !== null && this.speaker > this.listener) this.speaker = null;
      if (this.locked && !found.heads.some(same(this.locked))) this.locked = null;
      const shown = [...(this.locked ? [this.locked] : []), { ...this.one, step: found.step }];
      const every = [];
      for (const one of shown) {
        const there = one.step === found.step ? found : (await this.tableAt(one.step)).found;
        every.push({ head: there.heads.find(same(one)), step: one.step, numbers: await this.matrixOf(one) });
      }
      if (mine !== this.turn) return true;
      Object.assign(this, { found, every, last: { prompt: this.prompt, step: this.step } });
      this.film.show({ steps: found.steps, step: found.step, best: this.step === null });
      this.moved(found.step);
      const after = found.step.toLocaleString("en");
      const best = `This is the run's best model, of step ${after}.`;
      const which = this.step === null ? best : `The model as it was after ${after} steps.`;
      this.length.textContent = `${counted(found.listeners.length, "token")}; the model looks back over ` +
        `${found.context}. ${which} ${unkept(this.prompt)}`;
      this.heads.show(
        found,
        small,
        found.heads.indexOf(this.one),
        this.locked ? found.heads.findIndex(same(this.locked)) : -1,
      );
      this.pickMeasure.replaceChildren(
        ...Object.entries(MEASURES).map(([name, { title }]) =>
          make(
            "option",
            { value: name, selected: name === this.measure, disabled: name === "effect" && !!found.untold },
            title,
          ),
        ),
      );
      this.pickListener.replaceChildren(
        ...found.listeners.map((token, one) => make("option", { value: one }, `${one} ${plain(token)}`)),
      );
      this.told.again();
      this.untold.textContent = found.untold ? `The effect on the answer's score cannot be told of this model: ${found.untold}.` : "";
      this.lock.textContent = this.locked ? "Unlock" : "Lock, to compare with another head or step";
      this.trouble.replaceChildren();
      if (this.drawing.hidden) this.numbers.setAttribute("aria-busy", "true"); // until they stand there
      this.drawing.hidden = false;
      this.keep();
      this.drawSides();
      this.say("");
      this.drawNumbers();
      return true;
    } catch (error) {
      if (mine !== this.turn) return false;
      Object.assign(this, this.last); // what is drawn still
      this.say("");
      this.refuse(error);
      return false;
    }
  }

  /** The circles and matrices, those of both sides to one scale, and what is between them. */
  drawSides() {
    const { found, every } = this,
      measure = MEASURES[this.measure],
      pick = (listener, speaker) => this.pick(listener, speaker);
    this.pickListener.value = this.listener;
    const most = measure.scale ?? largest(...every.map((one) => one.numbers.values));
    if (this.shown?.length !== every.length) {
      this.shown = every.map(() => side(pick));
      this.sides.replaceChildren(...this.shown.map((one) => one.place));
      this.sides.classList.toggle("both", every.length > 1);
    }
    const data = (numbers) => ({
      names: found.listeners,
      side: numbers.shape[0],
      block: Math.ceil(found.listeners.length / numbers.shape[0]),
      values: numbers.values,
      listener: this.listener,
      speaker: this.speaker,
      measure,
      most,
      signed: measure.signed,
    });
    every.forEach(({ head, step, numbers }, each) => {
      const which = every.length > 1 ? ["First: ", "Second: "][each] : "";
      this.shown[each].show(`${which}${headOf(head)}, step ${step.toLocaleString("en")}: ${head.said}`, data(numbers));
    });
    this.difference.hidden = every.length < 2;
    if (every.length < 2) {
      this.difference.replaceChildren();
      return;
    }
    const [first, second] = every,
      values = second.numbers.values.map((value, one) => value - first.numbers.values[one]),
      far = largest(values);
    this.less ??= matrix(pick, "the second less the first, as a matrix");
    this.lessTold ??= this.saying.telling(() => (this.every.length > 1 ? lessOf(this.found, this.every, MEASURES[this.measure]) : {}));
    this.lessTold.again();
    const named = ({ head, step }) => `${headOf(head)} at step ${step.toLocaleString("en")}`;
    this.difference.replaceChildren(
      make("h3", {}, "The second less the first"),
      this.lessTold.place,
      make("p", {}, `Blue, +: more in ${named(second)}; orange, -: more in ${named(first)}.`),
      this.less.place,
    );
    this.less.show({ ...data(second.numbers), values, most: far, signed: true, measure: { is: "difference" } });
  }

  async drawNumbers() {
    const { found, one, listener, speaker } = this,
      query = { prompt: this.prompt, step: found.step, at: one.table, head: one.head, place: listener, speaker };
    const mine = (this.asking = {});
    try {
      const told = await this.asked(`numbers ${found.step} ${one.table} ${one.head} ${listener} ${speaker}`, () =>
        ask(`${at(this.run)}/round/listener`, query),
      );
      if (mine !== this.asking || this.turn < 0) return;
      const within = this.numbers.contains(document.activeElement),
        open = [...this.numbers.querySelectorAll("details")].map((each) => each.open);
      this.numbers.replaceChildren(
        ...numbers(told, {
          found, one, run: this.run, prompt: this.prompt, normed: this.model.normed, pick: (place) => this.pick(listener, place),
          telling: this.saying.telling,
        }),
      );
      this.numbers.querySelectorAll("details").forEach((each, number) => {
        each.open = open[number] ?? false;
      });
      if (within) this.numbers.querySelector("tr.picked button")?.focus();
    } catch (error) {
      if (mine === this.asking) this.numbers.replaceChildren(make("p", { class: "trouble" }, error.message));
    } finally {
      if (mine === this.asking) this.numbers.removeAttribute("aria-busy");
    }
  }
}

/** The number furthest from 0 of several lists. */
const largest = (...lists) =>
  lists.reduce((most, values) => values.reduce((far, value) => Math.max(far, Math.abs(value)), most), 1e-30);

/** What the second less the first is, and where the two differ most: told of two heads, each with its numbers. */
function lessOf({ listeners }, [{ numbers: first }, { numbers: second }], { is, sign }) {
  const values = second.values.map((value, one) => value - first.values[one]), far = largest(values);
  const side = second.shape[0], at = values.findIndex((value) => Math.abs(value) === far);
  const [from, to] = [Math.floor(at / side), at % side], same = far <= 1e-12, whole = side === listeners.length;
  const where = `place ${from}, ${listeners[from]}, listens to place ${to}, ${listeners[to]}`;
  const [more, less] = [second, first].map(({ values }) => values[at]);
  const difference = `${number(more)} - ${put(less)} = ${signed(values[at])}`;
  return {
    plain: [
      `Each square is the second's number less the first's (${is}), of the same listener and the same speaker.`,
      same ? "They are the same." : whole ? unbroken(`They differ most where ${where}: by ${signed(values[at])}.`) : "",
    ],
    maths: [
      `Δ = ${sign} of the second - ${sign} of the first`,
      same ? "Δ = 0 everywhere" : whole ? unbroken(`furthest from 0 where ${where}: ${difference}`) : "",
    ],
    code: `second - first   # of both the ${is}, [listener, speaker]`,
  };
}
