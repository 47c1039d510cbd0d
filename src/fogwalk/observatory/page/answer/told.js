// What the three sorts of answers share: a place that says it is waiting or what went wrong, bars, and the text of `explain`.

import { go } from "../address.js";
import { make, table } from "../make.js";
import { ask, run as at } from "../server.js";
import { number, signed } from "../words.js";

/** A place that is filled again and again; of two askings only the later one is drawn, and what fails is said. */
export function filling(waiting) {
  const place = make("div", {});
  let turn = 0;
  return {
    place,
    async fill(asked) {
      const mine = ++turn;
      const wait = setTimeout(() => { if (mine === turn) place.setAttribute("aria-busy", "true"); }, 150);
      if (!place.childElementCount) place.replaceChildren(make("p", { class: "quiet", role: "status" }, waiting));
      try {
        const parts = await asked();
        if (mine === turn) place.replaceChildren(...[parts].flat().filter(Boolean));
        return mine === turn;
      } catch (error) {
        if (mine === turn) place.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message));
        return false;
      } finally {
        clearTimeout(wait);
        if (mine === turn) place.removeAttribute("aria-busy");
      }
    },
  };
}

/** Bars from a middle line: blue to the right adds, orange to the left takes away; the sign stands before the number as well. */
export function signedBars(caption, rows, titles = ["", "", "#change"]) {
  const most = Math.max(...rows.map((one) => Math.abs(one.value)), 1e-30);
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make(
      "table",
      { class: "chances signed" },
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          titles.map((title) =>
            make("th", { scope: "col", class: title.startsWith("#") ? "number" : null }, title.replace("#", "")),
          ),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map(({ name, value, more = [], total = false }) =>
          make(
            "tr",
            { class: total ? "total" : null },
            make("td", {}, name),
            ...more.map((one) => make("td", {}, one)),
            make(
              "td",
              { class: "track" },
              total
                ? null
                : make("span", {
                    class: value < 0 ? "half minus" : "half plus",
                    style: `--share: ${Math.abs(value) / most}`,
                  }),
            ),
            make("td", { class: "number" }, signed(value)),
          ),
        ),
      ),
    ),
  );
}

/** A share from 0 to 1 as a bar in a cell. */
export const track = (share, extra = null) =>
  make("td", { class: "track" }, make("span", { class: "bar", style: `--share: ${share}` }), extra);

/** The classes with their probabilities, the likeliest first; `right` is marked. */
export function classBars(probabilities, right, most = 20) {
  const all = Object.entries(probabilities).sort((one, other) => other[1] - one[1]),
    shown = all.slice(0, most),
    rest = all.slice(most);
  const row = (name, p, more) =>
    make("tr", {}, make("td", {}, name, more), track(p), make("td", { class: "number" }, number(p)));
  const sum = rest.reduce((total, [, p]) => total + p, 0);
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "the classes and their probabilities" },
    make(
      "table",
      { class: "chances", id: "classes" },
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          make("th", { scope: "col" }, "class"),
          make("th", {}, ""),
          make("th", { scope: "col", class: "number" }, "probability"),
        ),
      ),
      make(
        "tbody",
        {},
        shown.map(([name, p]) => row(name, p, name === right ? make("em", { class: "right" }, " right") : null)),
        rest.length ? row(`the other ${rest.length.toLocaleString("en")}`, sum) : null,
      ),
    ),
  );
}

/** Which model this is; without a step of its own it is the best kept one, and a press leads back to that. */
export function modelAfter(step, asked, made) {
  const words = `This is the model after step ${step.toLocaleString("en")} of ${Math.max(step, made).toLocaleString("en")}`;
  if (asked === "") return `${words}, its best checkpoint.`;
  return make(
    "span",
    {},
    `${words}. `,
    make("button", { type: "button", onclick: () => go({ step: null }) }, "The best checkpoint"),
  );
}

/** The same as `fogwalk explain` tells it. */
export const asExplain = (text) =>
  make("details", {}, make("summary", {}, "The same as fogwalk explain tells it"), make("pre", { tabindex: "0" }, text));

/** Any entry of how the answer was made, on demand: `look(at, flags, title)` fills the place and writes down what is picked. */
export function entries(name, asked) {
  const place = make("div", { role: "status", class: "entry" });
  async function look(path, flags, title, quietly = true) {
    if (quietly) go({ at: path, unit: null, ...flags }, { quietly: true });
    try {
      const { text } = await ask(`${at(name)}/answer/entry`, { ...asked, at: path, ...flags });
      place.replaceChildren(make("h3", {}, title), make("pre", { tabindex: "0" }, text));
    } catch (error) {
      place.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  }
  return { place, look };
}

/** A table that is made when it is opened. */
export function twin(titles, rows, words = "The same as a table") {
  const details = make("details", {}, make("summary", {}, words));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(table(titles, rows()));
  });
  return details;
}
