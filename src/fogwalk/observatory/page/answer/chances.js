// The tokens that may come next, as bars; temperature, top-k and top-p act on the logits at once, and what they cut is hatched.

import { go } from "../address.js";
import { make } from "../make.js";
import { BY_GREED, BY_TOP_K, BY_TOP_P, drawn, entropy, KEPT, LIMITS, NEVER_SAID, softmax } from "../sampling.js";
import { counted, number } from "../words.js";
import { ofText } from "./said.js";
import { boxed, modelAfter, twin } from "./told.js";

const WHY = {
  [BY_GREED]: "not the likeliest",
  [BY_TOP_K]: "cut by top-k",
  [BY_TOP_P]: "cut by top-p",
  [NEVER_SAID]: "never said",
};
const SHOWN = [12, 40, 100];
const MAY_BE = {
  temperature: "from 0 (always the likeliest) to 100",
  top_k: "a whole number, at least 1",
  top_p: "above 0 and at most 1",
};

/** The part of the screen with the bars. `how` keeps the settings from one prompt to the next; `take` is told what to write. */
export function chances({ found, logits, order, how, take, step, made, telling }) {
  const model = softmax(logits), names = found.likeliest, best = names[0];
  const told = make("p", { role: "status" }), bars = make("div", {});
  const unsure = found.structure.entropy;
  const sentence = `${best.name} is likeliest, with probability ${number(found.probability)}. Entropy ${number(unsure)} ` +
    `nats: as unsure as between ${number(Math.exp(unsure))} equally likely tokens; guessing among all ` +
    `${found.vocabulary.toLocaleString("en")} would be ${number(Math.log(found.vocabulary))}. `;
  let asking = { temperature: 1, top_k: null, top_p: null }, latest = drawn(logits, { unsaid: found.unsaid }, order);
  const ways = telling(() => ofText({ found, logits, latest, asking }));

  function settings() {
    const asked = { unsaid: found.unsaid };
    for (const [name, fallback] of [
      ["temperature", 1],
      ["top_k", null],
      ["top_p", null],
    ]) {
      const given = how[name],
        value = given === undefined || given === "" || given === null ? fallback : Number(given),
        [low, high] = LIMITS[name];
      const right =
        value === null ||
        (value >= low && value <= high && (name !== "top_p" || value > 0) && (name !== "top_k" || Number.isInteger(value)));
      if (!right) return { wrong: `${name.replace("_", "-")} cannot be ${given}: it is ${MAY_BE[name]}.` };
      asked[name] = value;
    }
    return asked;
  }

  function redraw() {
    const asked = settings();
    if (asked.wrong) { told.textContent = asked.wrong; return; }
    [asking, latest] = [asked, drawn(logits, asked, order)];
    ways.again();
    const many = Math.min(names.length, SHOWN.includes(Number(how.shown)) ? Number(how.shown) : SHOWN[0]);
    const rest = order.slice(many),
      sum = (values, of) => of.reduce((total, token) => total + values[token], 0);
    const cut = order.filter((token) => latest.cut[token] !== KEPT && latest.cut[token] !== NEVER_SAID),
      kept = latest.cut.reduce((many, why) => many + (why === KEPT), 0);
    const silent = found.unsaid < 0 ? "" : " One token, which stands for characters it never met, is never drawn.";
    const spread = asked.temperature === 1 ? "each with its own probability"
      : `at temperature ${number(asked.temperature)}; the entropy is then ${number(entropy(latest.chances))} nats`;
    told.textContent = cut.length
      ? `${counted(kept, "token")} may be drawn; ${counted(cut.length, "token")}, hatched, ` +
        `${cut.length === 1 ? "is" : "are"} cut, which had ${number(sum(latest.before, cut))} together. Of what may be ` +
        `drawn the entropy is ${number(entropy(latest.chances))} nats.${silent}`
      : `Nothing is cut: all ${counted(kept, "token")} may be drawn, ${spread}.${silent}`;
    const gone = rest.filter((token) => latest.cut[token] && latest.cut[token] !== NEVER_SAID),
      longest = Math.max(
        ...names.slice(0, many).map(({ id }) => Math.max(latest.chances[id], latest.cut[id] ? latest.before[id] : 0)),
        sum(latest.chances, rest) + sum(latest.before, gone),
      );
    const bar = (chance, kind) => (chance > 0 ? make("span", { class: kind, style: `--share: ${chance / longest}` }) : null);
    const row = (name, p, chance, before, why) => [
      name,
      make("td", { class: "track" }, make("span", { class: "both" }, bar(chance, "bar"), bar(before, "bar cut"))),
      number(p),
      number(chance),
      make("td", { class: "quiet" }, why),
    ];
    const rows = names.slice(0, many).map((token) => {
      const { id } = token,
        why = latest.cut[id],
        label = `${token.name}, probability ${number(token.p)}`;
      const name =
        token.text === null
          ? make("span", { class: "token", tabindex: "0" }, token.name)
          : make(
              "button",
              {
                class: "token",
                type: "button",
                title: "take it: write it behind the text",
                "aria-label": `take ${label}`,
                onclick: () => take(token.text),
              },
              token.name,
            );
      return row(
        name,
        token.p,
        latest.chances[id],
        why ? latest.before[id] : 0,
        why ? WHY[why] : token.end ? "the text would end" : token.text === null ? "no text of its own" : "",
      );
    });
    if (rest.length)
      rows.push(
        row(
          `the other ${rest.length.toLocaleString("en")}`,
          sum(model, rest),
          sum(latest.chances, rest),
          sum(latest.before, gone),
          gone.length ? `${sum(latest.chances, rest) ? gone.length.toLocaleString("en") : "all"} cut` : "",
        ),
      );
    const titles = ["token", "", "#probability", "#drawn with", ""];
    bars.replaceChildren(
      boxed("what comes next", titles, rows, { class: "chances", id: "chances" }),
      make(
        "p",
        { class: "quiet" },
        `${rest.length ? `The ${many} shown and the other ${rest.length.toLocaleString("en")}` : `All ${many}`} add up ` +
          `to ${number(sum(model, order))}; the longest bar is ${number(longest)}. A click or Enter on a token takes it.`,
      ),
      twin(
        ["#rank", "token", "#id", "#logit", "#probability", "#drawn with", ""],
        () =>
          names.map((token, rank) => [
            rank + 1,
            token.name,
            token.id,
            number(logits[token.id]),
            number(token.p),
            number(latest.chances[token.id]),
            WHY[latest.cut[token.id]] ?? "",
          ]),
        `The likeliest ${names.length} as a table`,
      ),
    );
  }

  function set(name, value) {
    how[name] = value;
    go({ [name]: value }, { quietly: true });
    redraw();
  }
  bars.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key],
      all = [...bars.querySelectorAll(".token")],
      now = all.indexOf(document.activeElement);
    if (!move || now < 0) return;
    event.preventDefault();
    all[Math.min(all.length - 1, Math.max(0, now + move))].focus();
  });
  const draw = () => {
    let chance = Math.random();
    const token = order.find((one) => (chance -= latest.chances[one]) < 0) ?? order[0],
      named = names.find((one) => one.id === token);
    if (!named)
      told.textContent = `Drawn was a token beyond the ${names.length} likeliest, with ` +
        `${number(latest.chances[token])}: draw again.`;
    else if (named.text === null)
      told.textContent = `${named.name} was drawn, with ${number(latest.chances[token])}: ` +
        `${named.end ? "the text would end here" : "no text of its own, so it cannot be written behind the prompt"}.`;
    else take(named.text);
  };
  redraw();
  return [
    make("h2", {}, "What comes next"),
    make("p", { id: "answer-sentence" }, sentence, modelAfter(found.structure.step, step, made)),
    controls(how, set, draw),
    told,
    bars,
    ways.place,
  ];
}

/** The three settings, how many tokens are shown, and a draw. */
function controls(how, set, draw) {
  const slider = make("input", {
    type: "range",
    min: 0,
    max: 2,
    step: 0.05,
    value: how.temperature ?? 1,
    "aria-label": "temperature",
  });
  const exact = make("input", {
    type: "number",
    min: 0,
    max: 100,
    step: "any",
    value: how.temperature ?? "",
    placeholder: "1",
    "aria-label": "temperature, exactly",
  });
  slider.addEventListener("input", () => {
    exact.value = slider.value;
    set("temperature", slider.value);
  });
  exact.addEventListener("input", () => {
    slider.value = exact.value || 1;
    set("temperature", exact.value);
  });
  const field = (name, extra, words) =>
    make(
      "label",
      {},
      `${words} `,
      make("input", {
        type: "number",
        value: how[name] ?? "",
        placeholder: "all",
        ...extra,
        "aria-label": words,
        oninput: (event) => set(name, event.target.value),
      }),
    );
  return make(
    "div",
    { class: "controls" },
    make("label", {}, "temperature ", slider),
    exact,
    field("top_k", { min: 1, step: 1 }, "top-k"),
    field("top_p", { min: 0, max: 1, step: "any" }, "top-p"),
    make(
      "label",
      {},
      "show ",
      make(
        "select",
        { "aria-label": "tokens shown", onchange: (event) => set("shown", event.target.value) },
        SHOWN.map((many) => make("option", { value: many, selected: String(many) === String(how.shown) }, `${many}`)),
      ),
    ),
    make("button", { type: "button", onclick: draw }, "Draw one"),
  );
}
