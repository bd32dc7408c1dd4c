// All that is known of one step.

const EVIDENCE = {
  sr: ["SR", "speculative ratio: the reward model's law over the policy's"],
  rc: ["RC", "reward consistency, 1 where both laws agree"],
  s: ["S", "SR and RC together, before the cap at 1"],
  p: ["p", "share of the policy among the siblings"],
  q: ["q", "share of the reward model among the siblings"],
  reward: ["reward", "by the reward model, in [0, 1]"],
  accept: ["chance", "of being accepted"],
  value: ["value", "by the model's own verdicts"],
  sure: ["sure", "verdicts"],
  likely: ["likely", "verdicts"],
  impossible: ["impossible", "verdicts"],
  unknown: ["unknown", "words that are no verdict"],
  likelihood: ["likelihood", "of the action among its siblings"],
  good: ["good", "probability that the action is called good"],
  logprob: ["log P", "of the action, in nats"],
};

/** What became of a step, in a sentence. */
function story(model, number, ended) {
  const node = model.nodes[number];
  const said = node.why ? `: ${node.why}` : "";
  if (node.kept === null) return "Not judged.";
  if (!node.kept) return `Pruned${said}.`;
  const parts = [`Kept${said}.`];
  if (node.end === "answer") parts.push("It is an answer.");
  else if (node.end === "dead") parts.push("It leads nowhere.");
  else if (ended && model.children[number].length === 0) {
    parts.push("The search never went on from here.");
  }
  return parts.join(" ");
}

/** The panel of a node; `go` is called with the number of a step of its path that is clicked. */
function panel(model, number, ended, go) {
  const node = model.nodes[number];
  const { sign, word } = fate(model, number);
  const facts = [
    ["score", "", model.written(node.score)],
    ...Object.entries(node.details).map(([name, value]) => {
      const [label, about] = EVIDENCE[name] ?? [name, ""];
      return [label, about, precise(value)];
    }),
    ["drawn", "times", String(node.count)],
    ["tokens", "written for this step", short(node.tokens)],
    ["path", "tokens written from the problem to here", short(node.path_tokens)],
    ["so far", "tokens written in the search for all steps judged until then", short(node.spent)],
    ["turn", "expansion that judged it", String(node.turn)],
  ];
  const rows = facts.map(([label, about, value]) =>
    el(
      "div",
      null,
      el("dt", null, label, about ? el("small", null, about) : null),
      el("dd", null, value),
    ),
  );
  return el(
    "div",
    null,
    el("h2", { class: "fate" }, `${sign} ${word}`),
    el("p", { class: "story" }, story(model, number, ended)),
    el("pre", { class: "whole", tabindex: "0" }, node.text),
    el("dl", { class: "facts" }, rows),
    way(model, number, go),
  );
}

/** The steps from the problem to a node, each a button. */
function way(model, number, go) {
  const steps = model.way(number).slice(1);
  if (steps.length < 2) return null;
  const items = steps.map((at) =>
    el(
      "li",
      { "aria-current": at === number ? "step" : null },
      el("button", { type: "button", class: "plain", onclick: () => go(at) }, model.nodes[at].text),
    ),
  );
  return el("div", null, el("h3", null, "Path"), el("ol", { class: "way" }, items));
}
