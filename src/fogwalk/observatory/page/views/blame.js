import { addressWith, go } from "../address.js";
import { detail } from "../blame/detail.js";
import { FIRST, TITLES, WHAT, healthy, inOrder } from "../blame/measures.js";
import { tree } from "../blame/tree.js";
import { ends } from "../extent.js";
import { heatmap } from "../heatmap.js";
import { make } from "../make.js";
import { recording } from "../recorded.js";
import { ask, run as at } from "../server.js";
import { explained, saySwitch, way } from "../step/say.js";
import { number } from "../words.js";

const BEFORE = "The first column is a look before any update, and no fault where it is dark or grey:";
const AGAIN = 30000; // milliseconds between two looks at a run that goes on

export const blame = {
  id: "blame",
  title: "Blame map",
  question: "Which parts learn, and which are dead?",
  needs: ["run"],

  async draw(place, { opened, picks }) {
    const body = make("div", {}, make("p", { class: "quiet", role: "status" }, "The looks inside are read …")),
      state = { run: opened.name, say: way(picks), what: picks.what, at: picks.at, look: picks.look, sort: picks.sort };
    const news = make("span", { class: "quiet", role: "status" });
    const look = make(
      "button",
      {
        onclick: () =>
          read("Read again.").catch((error) => {
            news.textContent = error.message;
          }),
      },
      "look again",
    );
    place.append(
      make("h1", {}, this.question),
      make(
        "div",
        { class: "controls" },
        look,
        news,
        saySwitch(state.say, (say) => {
          state.say = say;
          show();
        }),
      ),
      body,
    );
    let measures = null, timer = null, left = false;
    async function read(words = "") {
      const told = await ask(`${at(opened.name)}/measures`, recording ? {} : { seen: measures?.seen });
      watch(told.going && !recording);
      if (told.same || told.seen === measures?.seen) news.textContent = words && `${words} Nothing new.`;
      else {
        const more = told.of - (measures?.of ?? 0);
        news.textContent = !measures ? "" : more > 0 ? `${more} new.` : "Read anew.";
        measures = told;
        show();
      }
    }
    /** Look again by itself for as long as the run goes on. */
    function watch(going) {
      const again = () => read().catch(() => { /* said by the frame, and tried again */ });
      if (going && !left) timer ??= setInterval(() => { if (!document.hidden) again(); }, AGAIN);
      else timer = clearInterval(timer) ?? null;
    }
    const show = () => { if (measures) whole(body, state, measures, opened); };
    try {
      await read();
    } catch (error) {
      body.replaceChildren();
      throw error;
    }
    return () => {
      left = true;
      watch(false);
    };
  },
};

/** The map, what is picked on it, and the tree below. */
function whole(body, state, measures, opened) {
  const steps = measures.form.steps;
  if (!steps.length) {
    const why =
      measures.going
        ? "No look inside was taken yet: the first comes before the first step."
        : "Nobody looked inside while this run trained (--insight.every 0).";
    return body.replaceChildren(
      make("p", { class: "trouble" }, `${why} One step shows any single step nevertheless.`),
      make("p", {}, make("a", { href: addressWith({ view: "step", run: state.run }, {}) }, "Open One step")),
    );
  }
  const there = Object.keys(WHAT).filter((what) => Object.keys(measures.numbers).some((name) => name.startsWith(`${what}/`)));
  const what = there.includes(state.what) ? state.what : there[0],
    kind = WHAT[what];
  const names = inOrder(
    Object.keys(measures.numbers)
      .filter((name) => name.startsWith(`${what}/`))
      .map((name) => name.slice(what.length + 1)),
  );
  const values = names.map((name) => measures.numbers[`${what}/${name}`]);
  const picked = names.includes(state.at) ? state.at : names[0],
    column =
      Math.max(0, steps.indexOf(Number(state.look ?? steps.at(-1)))) ||
      (Number(state.look) === steps[0] ? 0 : steps.length - 1);
  const unlike = steps[0] === 0 && steps.length > 2 && what in FIRST; // the look before any update is left out of the colours
  const seen = values.flatMap((row) => row.slice(unlike ? 1 : 0));
  const known = seen.filter((value) => value !== null && (!kind.powers || value > 0));
  const by = (value) => (kind.powers ? Math.log10(Math.max(value, 1e-30)) : value);
  const [least, most] = kind.powers && known.length ? ends(known) : [0, 1];
  const share = (value) => (by(value) - by(least)) / (by(most) - by(least) || 1);
  const details = detail(state, measures),
    choose = (name, step) => {
      Object.assign(state, { at: name, look: step });
      go({ at: name, look: step }, { quietly: true });
      details.show(what, name, step);
      rows.mark(name, step);
    };
  const choice = make(
    "select",
    {
      "aria-label": "what is shown",
      onchange: (event) => {
        state.what = event.target.value;
        go({ what: state.what }, { quietly: true });
        whole(body, state, measures, opened);
        body.querySelector("select").focus();
      },
    },
    there.map((one) => make("option", { value: one, selected: one === what }, TITLES[one])),
  );
  const map = heatmap({
    values,
    title: `rows are ${kind.rows}, columns looks inside; colours run from ${number(least)} (dark) to ${number(most)} (light), ` +
      `grey was not seen${unlike ? ", or is 0 before any update" : ""}. Enter or a click opens one below.`,
    rows: names,
    columns: steps.map((step) => (step ? `after step ${step}` : "before any update")),
    share: (value, look) => (unlike && look === 0 && value === 0 ? null : share(value)),
    open: (row, look) => choose(names[row], steps[look]),
  });
  const rows = tree(state, measures, choose);
  const worst = healthy(what, names, values, measures);
  const taken = measures.of === 1 ? "One look inside was taken"
    : `${measures.of} looks inside were taken, from step ${steps[0]} to ${steps.at(-1)}`;
  const drawn = measures.of > steps.length ? ` ${steps.length} of them are drawn, from the first to the last.` : "";
  body.replaceChildren(
    make("div", { class: "controls" }, make("label", {}, "show ", choice)),
    explained(state.say, { plain: [kind.plain, worst], maths: kind.maths, code: kind.code }),
    make("p", { class: "quiet" }, `${taken}, each on the same few records.${drawn}`),
    unlike ? make("p", { class: "quiet" }, `${BEFORE} ${FIRST[what]}. So the colours go by the columns after it.`) : "",
    map,
    details.place,
    rows.place,
  );
  details.show(what, picked, steps[column]);
  rows.mark(picked, steps[column]);
}
