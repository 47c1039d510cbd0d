// A small training of one's own: data, layers, activation and rate are picked here, and it waits before its first step.

import { go } from "../address.js";
import { make } from "../make.js";
import { run as at, tell } from "../server.js";

const TOYS = ["sample:moons", "sample:circles", "sample:xor", "sample:spirals"];
const ACTIVATIONS = ["tanh", "relu", "silu", "gelu", "sigmoid"];
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const [MOST_LAYERS, MOST_UNITS] = [4, 8];
const OPTIMIZERS = ["adamw", "sgd", "muon"];

/** `settings` are those of the run that is `opened`, from which the choice begins. Should that wait for the page, it is ended. */
export function workbench(settings, open, opened) {
  const data = [settings["data.path"]].flat()[0], from = (name, other) => settings[name] ?? other;
  let hidden = (settings["model.hidden"] ?? [4, 2]).filter((size) => size > 0 && size <= MOST_UNITS).slice(0, MOST_LAYERS);
  const select = (name, options, value) =>
    make(
      "select",
      { name, "aria-label": name },
      (options.includes(value) ? options : [...options, value]).map((one) =>
        make("option", { value: one, selected: one === value }, `${one}`.replace("sample:", "")),
      ),
    );
  const picked = {
    data: select("data", TOYS, TOYS.includes(data) ? data : TOYS[0]),
    activation: select("activation", ACTIVATIONS, from("model.activation", "tanh")),
    rate: select("rate η", RATES, from("optimizer.learning_rate", 0.03)),
    optimizer: select("optimizer", OPTIMIZERS, from("optimizer.name", "adamw")),
    batch: select("batch", [1, 5, 10, 20, 32], from("training.batch", 10)),
  };
  const layers = make("span", { class: "layers" }),
    said = make("p", { role: "status" });
  const begin = make("button", { class: "main", onclick: start }, "Start anew");

  function shape() {
    const change = (words, told, act, off) =>
      make(
        "button",
        {
          "aria-label": told,
          title: told,
          disabled: off,
          onclick: () => {
            act();
            shape();
          },
        },
        words,
      );
    layers.replaceChildren(
      ...hidden.map((size, at) =>
        make(
          "span",
          { class: "layer" },
          change(
            "−",
            `a neuron less in layer ${at + 1}`,
            () => {
              hidden[at] -= 1;
            },
            size <= 1,
          ),
          make("span", {}, `${size}`),
          change(
            "+",
            `a neuron more in layer ${at + 1}`,
            () => {
              hidden[at] += 1;
            },
            size >= MOST_UNITS,
          ),
        ),
      ),
      change(
        "a layer less",
        "a layer less",
        () => {
          hidden.pop();
        },
        hidden.length === 0,
      ),
      change(
        "a layer more",
        "a layer more",
        () => {
          hidden.push(hidden.at(-1) ?? 4);
        },
        hidden.length >= MOST_LAYERS,
      ),
    );
  }

  async function start() {
    begin.disabled = true;
    said.className = "quiet";
    said.textContent = "Starting: a process of its own, which takes a few seconds …";
    try {
      const chosen = {
        "model.hidden": hidden.join(",") || "0",
        "model.activation": picked.activation.value,
        "optimizer.learning_rate": Number(picked.rate.value),
        "optimizer.name": picked.optimizer.value,
        "training.batch": Number(picked.batch.value),
        "training.steps": 2000,
      };
      const waits = opened.state === "paused" || (opened.state === "training" && opened.wish?.pace);
      if (waits) await tell(`${at(opened.name)}/control`, { stop: true }).catch(() => {}); // it may have ended meanwhile
      const { name } = await tell("trainings", { data: picked.data.value, settings: chosen, pace: 0 });
      go({ run: name, view: "network" }, { base: {} });
    } catch (error) {
      said.className = "trouble";
      said.textContent = error.message;
      begin.disabled = false;
    }
  }
  shape();
  const label = (words, ...inside) => make("label", {}, `${words} `, ...inside);
  return make(
    "details",
    { class: "workbench", open },
    make("summary", {}, "Try another network on a toy"),
    make(
      "div",
      { class: "controls" },
      label("data", picked.data),
      make("span", { class: "labelled" }, "neurons in each layer ", layers),
      label("activation σ", picked.activation),
      label("rate η", picked.rate),
      label("optimizer", picked.optimizer),
      label("batch", picked.batch),
      begin,
    ),
    said,
    make(
      "p",
      { class: "quiet" },
      "It becomes a run like any other and waits before its first step: press play, or one step on.",
    ),
  );
}

