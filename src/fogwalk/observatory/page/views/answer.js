import { go } from "../address.js";
import { make } from "../make.js";
import { ask, run as at } from "../server.js";

export const answer = {
  id: "answer",
  title: "Answer",
  question: "What would it say, and how sure is it?",
  needs: ["run"],

  async draw(place, { opened, picks }) {
    const text = (opened.planned.unit ?? "token") === "token";
    const hint = text ? "How does a text begin?" : opened.planned.unit === "image" ? "The path of an image" : "age=39, sex=male";
    const field = make("input", { value: picks.prompt ?? "", placeholder: hint, size: 40, "aria-label": hint });
    const told = make("div", { role: "status" });
    const send = (event) => { event.preventDefault(); go({ prompt: field.value }); };
    place.append(make("h1", {}, this.question), make("form", { class: "controls", onsubmit: send }, field, make("button", {}, "Ask")), told);
    if (picks.prompt) {
      told.append(make("p", { class: "quiet" }, "Asking …"));
      told.replaceChildren(make("pre", { tabindex: "0" }, (await ask(`${at(opened.name)}/answer`, { prompt: picks.prompt, step: picks.step })).text));
    }
  },
};
