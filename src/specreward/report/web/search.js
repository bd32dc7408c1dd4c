// The page of one search: its tree, what came out of it, and news of it while it is under way.

const WAIT = 2; // seconds that the server may wait for news
const AGAIN = 1000; // ms until a lost server is asked again

/** The parts of a search page that stay while the tree grows. */
class SearchPage {
  constructor(main) {
    this.model = new TreeModel();
    this.rows = new TreeRows(this.model, (number) => this.detail(number));
    this.ended = false;
    this.head = el("div", { class: "about" });
    this.aside = el("aside", { class: "card panel", "aria-label": "Step" });
    this.aside.append(el("p", { class: "none" }, "Choose a step to see all about it."));
    this.count = el("span", { class: "count-line", role: "status" });
    this.box = this.searchBox();
    this.pruned = el(
      "button",
      { type: "button", "aria-pressed": "false", onclick: () => this.togglePruned() },
      "Hide pruned ",
      el("kbd", null, "p"),
    );
    this.chosen = el(
      "button",
      { type: "button", disabled: true, onclick: () => this.toChosen() },
      "To the answer",
    );
    main.replaceChildren(this.head, this.toolbar(), legend(), this.body());
    this.listener = (event) => this.key(event);
    document.addEventListener("keydown", this.listener);
  }

  close() {
    document.removeEventListener("keydown", this.listener);
    this.rows.close();
  }

  searchBox() {
    const box = el("input", {
      type: "search",
      placeholder: "Search the steps  /",
      "aria-label": "Search the steps",
      oninput: () => this.find(box.value),
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leaveSearch();
      else if (event.key === "Enter" || event.key === "ArrowDown") this.toMatch();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    return box;
  }

  toolbar() {
    const all = (open) => () => {
      this.model.setAllOpen(open);
      this.changed();
    };
    return el(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Tree" },
      this.box,
      this.pruned,
      el("button", { type: "button", onclick: all(true) }, "Expand all"),
      el("button", { type: "button", onclick: all(false) }, "Collapse all"),
      this.chosen,
      this.count,
    );
  }

  body() {
    return el("div", { class: "split" }, this.rows.element, this.aside);
  }

  // ---------------------------------------------------------------- changes

  update(nodes, chosen, ended) {
    const first = this.model.nodes.length === 0;
    this.ended = ended;
    this.model.update(nodes);
    if (chosen !== null) this.model.choose(chosen);
    this.chosen.disabled = chosen === null;
    this.answer = chosen;
    this.changed();
    if (first && chosen !== null) this.rows.show(chosen);
    if (this.rows.active !== null) this.detail(this.rows.active);
  }

  changed() {
    this.rows.refresh();
    const { model } = this;
    const all = Math.max(model.nodes.length - 1, 0);
    const found = model.query ? `${model.matches.length} found · ` : "";
    this.count.textContent = `${found}${model.visible.length} of ${all} steps shown`;
  }

  detail(number) {
    const go = (at) => {
      this.rows.go(at);
      this.rows.tree.focus();
    };
    this.aside.replaceChildren(panel(this.model, number, this.ended, go));
  }

  togglePruned() {
    this.model.setHidePruned(!this.model.hidePruned);
    this.pruned.setAttribute("aria-pressed", String(this.model.hidePruned));
    this.changed();
  }

  find(text) {
    this.model.setQuery(text);
    this.changed();
  }

  leaveSearch() {
    const { active } = this.rows;
    this.box.value = "";
    this.find("");
    this.rows.tree.focus();
    if (active !== null) this.rows.go(active);
  }

  toMatch() {
    this.rows.tree.focus();
    if (this.model.matches.length > 0) this.rows.go(this.model.matches[0]);
    this.changed();
  }

  toChosen() {
    this.rows.go(this.answer);
    this.rows.tree.focus();
    this.changed();
  }

  key(event) {
    const typing = event.target.closest("input, textarea, select") !== null;
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      this.box.focus();
      this.box.select();
    } else if (event.key === "p") this.togglePruned();
    else return;
    event.preventDefault();
  }
}

/** What the signs and colors mean. */
function legend() {
  const signs = [["★", "chosen path"], ["✓", "answer"], ["·", "kept"], ["✗", "pruned"]];
  const items = signs.map(([sign, word]) => el("span", null, el("b", null, sign), ` ${word}`));
  const scale = el("span", { class: "scale", "aria-hidden": "true" });
  return el(
    "p",
    { class: "legend" },
    el("span", null, "score low ", scale, " high"),
    items,
    el("span", { class: "keys" }, "arrows move and open, ", el("kbd", null, "/"), " searches"),
  );
}

/** The head of a finished search. */
function about(view) {
  const { problem } = view;
  const parts = [badge(problem.verdict)];
  if (problem.answer !== null) parts.push(el("code", { class: "answer" }, problem.answer));
  const facts = [`ended: ${problem.ended}`];
  if (problem.score !== null) facts.unshift(`score ${scored(problem.score)}`);
  if (problem.reference !== null) facts.push(`reference: ${problem.reference}`);
  return [
    el("h1", null, problem.name),
    el("pre", { class: "question", tabindex: "0" }, problem.question),
    el("p", { class: "verdict" }, parts, el("span", { class: "soft" }, facts.join(" · "))),
    problem.error === null ? null : el("p", { class: "error" }, problem.error),
    usage(view.usage),
  ];
}

/** Cost by role and phase, with the sum in sight. */
function usage(rows) {
  if (rows.length === 0) return null;
  const sum = (name) => rows.reduce((all, row) => all + row[name], 0);
  const line = (row) => [
    `${row.role} ${row.phase}`.trim(),
    short(row.calls),
    short(row.prompt_tokens),
    short(row.cached_tokens),
    short(row.completion_tokens),
    short(row.flops),
    seconds(row.seconds),
    dollars(row.dollars),
    row.failed ? String(row.failed) : "–",
  ];
  const names = ["calls", "prompt_tokens", "cached_tokens", "completion_tokens", "flops"];
  const whole = { role: "all", phase: "" };
  for (const name of [...names, "seconds", "dollars", "failed"]) whole[name] = sum(name);
  const tokens = whole.prompt_tokens + whole.completion_tokens;
  const parts = [`${short(tokens)} tokens`, `${short(whole.calls)} calls`];
  parts.push(`${short(whole.flops)} FLOPs`, seconds(whole.seconds));
  if (whole.dollars) parts.push(dollars(whole.dollars));
  const heads = ["role", "calls", "read", "cached", "written", "FLOPs", "time", "cost", "failed"];
  return el(
    "details",
    { class: "usage" },
    el("summary", null, `Cost: ${parts.join(" · ")}`),
    table(heads, [...rows.map(line), line(whole)], { "aria-label": "Cost by role and phase" }),
  );
}

/** A finished search of a run; the same problem under other strategies is one choice away. */
async function treePage(main, data, [run, problem], signal) {
  const [view, files] = await Promise.all([data.tree(run, problem, signal), data.files(signal)]);
  const file = files.find((one) => one.runs.some((own) => own.id === run));
  const page = new SearchPage(main);
  page.head.replaceChildren(
    ...[otherRuns(file.runs, run, problem), ...about(view)].filter((part) => part !== null),
  );
  page.update(view.nodes, view.chosen, true);
  crumbs([
    ["Runs", "#/"],
    [file.name, `#/file/${file.id}`],
    [view.strategy, `#/run/${run}`],
    [view.problem.name, null],
  ]);
  return () => page.close();
}

function otherRuns(runs, run, problem) {
  const choice = el("select", { "aria-label": "Strategy" });
  for (const own of runs) {
    choice.append(el("option", { value: own.id, selected: own.id === run }, own.strategy));
  }
  choice.addEventListener("change", () => {
    location.hash = `#/tree/${choice.value}/${problem}`;
  });
  return el("p", { class: "strategy" }, choice);
}

// ------------------------------------------------------------------------ under way

/** The head of a search under way. */
function progress(news) {
  const { search } = news;
  const ended = search.ended === null ? "searching" : `ended: ${search.ended}`;
  const facts = [
    seconds(search.seconds),
    `expanded ${search.expansions}`,
    `answers found ${search.found}`,
  ];
  if (news.score !== null) facts.push(`score ${scored(news.score)}`);
  const state = search.ended === null ? "badge running" : "badge unchecked";
  return [
    el("p", { class: "strategy" }, el("code", null, search.strategy)),
    el("h1", null, search.problem),
    el("pre", { class: "question", tabindex: "0" }, search.question),
    el(
      "p",
      { class: "verdict" },
      el("span", { class: state, role: "status" }, ended),
      el("span", { class: "soft" }, facts.join(" · ")),
    ),
    news.error === null ? null : el("p", { class: "error" }, news.error),
  ];
}

async function livePage(main, data, [id], signal) {
  let news = await data.news(id, 0, 0, signal);
  const page = new SearchPage(main);
  const lost = el("p", { class: "error", role: "alert", hidden: true });
  const head = el("div");
  const cost = el("div");
  page.head.replaceChildren(head, cost, lost);
  crumbs([["Runs", "#/"], ["Under way", "#/"], [news.search.problem, null]]);
  const show = () => {
    head.replaceChildren(...progress(news).filter((part) => part !== null));
    const open = cost.querySelector("details")?.open ?? false;
    const spent = usage(news.usage);
    cost.replaceChildren(...(spent === null ? [] : [spent]));
    if (spent !== null) spent.open = open;
    const over = news.search.ended !== null && !news.more;
    if (news.nodes.length > 0 || over) page.update(news.nodes, over ? news.chosen : null, over);
    return over;
  };
  const follow = async () => {
    while (!show() && !signal.aborted) {
      try {
        news = await data.news(id, news.after, news.more ? 0 : WAIT, signal);
        lost.hidden = true;
      } catch (error) {
        if (signal.aborted) return;
        lost.textContent = `No news: ${error.message}. Asking again.`;
        lost.hidden = false;
        news = { ...news, nodes: [] };
        await new Promise((done) => setTimeout(done, AGAIN));
      }
    }
  };
  follow();
  return () => page.close();
}
