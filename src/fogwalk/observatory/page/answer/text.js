// What comes after a text: the prompt, the tokens that may follow, and what made the likeliest one likely.

import { go, picks as now } from "../address.js";
import { make } from "../make.js";
import { askable, kept, unkept } from "../prompt.js";
import { endsNormed, spoken } from "../round/names.js";
import { ask, floats, run as at } from "../server.js";
import { ranked } from "../sampling.js";
import { chances } from "./chances.js";
import { asExplain, filling } from "./told.js";
import { driven } from "./driven.js";

export async function text(place, { name, picks, form, made, moved, telling, settings }) {
  const how = { temperature: picks.temperature, top_k: picks.top_k, top_p: picks.top_p, shown: picks.shown };
  const field = make("textarea", {
    rows: 2,
    id: "prompt",
    "aria-describedby": "prompt-hint",
    placeholder: "How does a text begin?",
  });
  const told = filling("Asking …"), long = make("p", { class: "quiet", role: "status" });
  const normed = endsNormed(settings);
  let step = picks.step ?? "", taken = false;
  field.value = picks.prompt ?? form.prompt;
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      asked();
    }
  });
  place.append(
    make(
      "form",
      {
        class: "asking",
        onsubmit: (event) => {
          event.preventDefault();
          asked();
        },
      },
      make("label", { for: "prompt" }, "The text so far"),
      field,
      make(
        "div",
        { class: "controls" },
        make("button", {}, "What comes next?"),
        make("span", { class: "quiet", id: "prompt-hint" }, "Ctrl + Enter asks too; a line may end."),
      ),
    ),
    long,
    told.place,
  );

  function asked() {
    go({ prompt: kept(field.value) }, { quietly: true, back: true });
    return show();
  }
  async function show() {
    const prompt = field.value;
    long.textContent = unkept(prompt);
    await told.fill(async () => {
      askable(prompt);
      const found = spelt(await ask(`${at(name)}/answer/next`, { prompt, step }));
      if (step === "") moved(found.structure.step);
      const { values: logits } = await floats(`${at(name)}/answer/tensor`, {
        prompt,
        step: found.structure.step,
        name: "logits",
      });
      const take = async (written) => {
        if (taken) return; // one after the other: each is asked for before the next
        taken = true;
        field.value = found.tail + written;
        await asked();
        taken = false;
        told.place.querySelector(".token")?.focus({ preventScroll: true });
      };
      const { beside, below } = await driven({ run: name, prompt, step, found, logits, picked: now().at, normed, telling });
      return [
        make(
          "div",
          { class: "two" },
          make("div", {}, chances({ found, logits, order: ranked(logits), how, take, step, made, telling })),
          make("div", {}, beside),
        ),
        ...below,
        asExplain(found.text),
      ];
    });
  }
  await show();
  return { show: (to) => { step = to; return show(); } };
}

/** With the names of its tokens as they stand in sentences everywhere: a blank as ␣. */
function spelt(found) {
  const named = (one) => ({ ...one, name: spoken(one.name) }), { structure } = found;
  const says = Object.fromEntries(Object.entries(structure.says).map(([layer, one]) => [layer, named(one)]));
  const told = { says, tokens: structure.tokens.map(spoken), best_name: spoken(structure.best_name) };
  return { ...found, likeliest: found.likeliest.map(named), structure: { ...structure, ...told } };
}
