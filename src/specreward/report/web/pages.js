// The pages above a search: what there is, the runs of a file, the problems of a run.

const MANY = 500; // lines of a table before it asks whether to go on
const OFTEN = 2000; // ms between two looks at the searches under way
const RECENT = 10; // searches that ended, listed until all are asked for

function link(text, target) {
  return el("a", { href: target }, text);
}

// ------------------------------------------------------------------------ what there is

async function homePage(main, data, _, signal) {
  const files = await data.files(signal);
  if (!data.live && files.length === 1) return filePage(main, data, [files[0].id], signal);
  crumbs([["Runs", null]]);
  const live = el("section", { "aria-label": "Searches" });
  main.replaceChildren(el("h1", null, "Searches and runs"), live, ...files.map(fileCard));
  if (files.length === 0) main.append(el("p", { class: "none" }, "There is no run file yet."));
  if (data.live) await lookOn(live, data, signal);
  return null;
}

function fileCard(file) {
  const title = file.runs.length ? link(file.name, `#/file/${file.id}`) : file.name;
  const about = file.task === null ? "" : `task ${file.task}`;
  const head = el("h2", null, title, " ", el("small", null, about));
  if (file.error !== null) {
    return el("section", null, head, el("p", { class: "error" }, file.error));
  }
  const lines = file.runs.map((run) => [
    link(run.strategy, `#/run/${run.id}`),
    short(run.results),
  ]);
  return el("section", null, head, table(["strategy", "problems"], lines, null));
}

/** The searches under way, looked at again and again. */
async function lookOn(place, data, signal) {
  let all = false;
  const show = async () => {
    const searches = await data.searches(signal);
    const running = searches.filter((one) => one.ended === null).length;
    const listed = searches.filter((one, i) => all || one.ended === null || i < running + RECENT);
    const focused = place.contains(document.activeElement) && document.activeElement.getAttribute("href");
    const lines = listed.map((one) => [
      el("span", { class: "two" }, link(one.problem, `#/live/${one.id}`), el("code", null, one.strategy)),
      one.ended ?? el("span", { class: "badge running" }, "searching"),
      short(one.expansions),
      short(one.found),
      seconds(one.seconds),
    ]);
    const heads = ["search", "state", "expansions", "answers", "time"];
    place.replaceChildren(
      el("h2", null, "Searches ", el("small", null, `${running} under way`)),
      lines.length
        ? table(heads, lines, null)
        : el("p", { class: "none" }, "None since the server was started."),
    );
    if (listed.length < searches.length) {
      const more = () => {
        all = true;
        show().catch(() => {});
      };
      const text = `Show all ${searches.length}`;
      place.append(el("p", null, el("button", { type: "button", onclick: more }, text)));
    }
    if (focused) place.querySelector(`a[href="${focused}"]`)?.focus();
  };
  await show();
  const again = setInterval(() => show().catch(() => {}), OFTEN);
  signal.addEventListener("abort", () => clearInterval(again));
}

// ------------------------------------------------------------------------ runs of a file

async function filePage(main, data, [id], signal) {
  const { file, groups } = await data.comparison(id, signal);
  crumbs([["Runs", "#/"], [file.name, null]]);
  const task = file.task === null ? "No task is known, so that no answer is checked." : `Task ${file.task}`;
  main.replaceChildren(
    el("h1", null, file.name),
    el("p", { class: "soft" }, task),
    ...groups.map(groupSection),
  );
  if (groups.length === 0) main.append(el("p", { class: "none" }, "No problem has a result yet."));
  return null;
}

function groupSection(group) {
  const charts = group.charts.map((text) => el("div", { class: "card" }, drawing(text)));
  const heads = ["strategy", "problems", "accuracy", "LLM tokens", "reward tokens", "FLOPs"];
  heads.push("time", "cost");
  const lines = group.runs.map((one, i) => [
    el(
      "span",
      { class: "named" },
      el("span", { class: `tag c${i % 8}` }, String(i + 1)),
      link(one.run.strategy, `#/run/${one.run.id}`),
    ),
    tally(one.verdicts),
    one.accuracy === null ? "–" : accuracy(one.accuracy),
    short(one.cost.llm_tokens),
    short(one.cost.reward_tokens),
    short(one.cost.flops),
    seconds(one.cost.seconds),
    dollars(one.cost.dollars),
  ]);
  return el(
    "section",
    null,
    charts.length ? el("div", { class: "charts" }, charts) : null,
    table(heads, lines, { "aria-label": "Accuracy and cost" }),
    el(
      "p",
      { class: "note" },
      "Tokens, FLOPs, time and cost are means per problem. Small: 95 % intervals.",
    ),
    el(
      "details",
      null,
      el("summary", null, "Models and budget"),
      el("p", null, el("code", null, group.models)),
      el("p", null, el("code", null, group.budget)),
    ),
  );
}

function accuracy({ estimate, low, high }) {
  return el("span", null, percent(estimate), el("small", null, `${percent(low)} to ${percent(high)}`));
}

function tally(verdicts) {
  const all = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  const rest = Object.entries(verdicts).map(([name, count]) => `${count} ${plain(name)}`);
  return el("span", null, String(all), el("small", null, rest.join(", ")));
}

function plain(verdict) {
  return (VERDICTS[verdict] ?? verdict).slice(2);
}

// ------------------------------------------------------------------------ problems of a run

const FIELDS = [
  ["problem", (one) => one.name],
  ["verdict", (one) => Object.keys(VERDICTS).indexOf(one.verdict)],
  ["score", (one) => one.score],
  ["steps", (one) => one.depth],
  ["LLM tokens", (one) => one.cost.llm_tokens],
  ["reward tokens", (one) => one.cost.reward_tokens],
  ["calls", (one) => one.cost.calls],
  ["FLOPs", (one) => one.cost.flops],
  ["time", (one) => one.cost.seconds],
  ["cost", (one) => one.cost.dollars],
];

async function runPage(main, data, [run], signal) {
  const [problems, files] = await Promise.all([data.problems(run, signal), data.files(signal)]);
  const file = files.find((one) => one.runs.some((own) => own.id === run));
  const { strategy } = file.runs.find((own) => own.id === run);
  crumbs([["Runs", "#/"], [file.name, `#/file/${file.id}`], [strategy, null]]);
  const state = { verdict: null, text: "", field: null, down: false, most: MANY };
  const place = el("div");
  const tools = el("div", { class: "tools", role: "toolbar", "aria-label": "Problems" });
  const show = () => {
    tools.replaceChildren(box, ...verdictButtons(problems, state, show));
    place.replaceChildren(...problemTable(run, problems, state, show));
  };
  const box = el("input", {
    type: "search",
    placeholder: "Search the problems",
    "aria-label": "Search the problems",
    oninput: () => {
      state.text = box.value.trim().toLowerCase();
      place.replaceChildren(...problemTable(run, problems, state, show));
    },
  });
  main.replaceChildren(el("h1", { class: "code" }, strategy), tools, place);
  show();
  return null;
}

function verdictButtons(problems, state, show) {
  const names = Object.keys(VERDICTS).filter((name) => problems.some((one) => one.verdict === name));
  return [null, ...names].map((name) => {
    const count = problems.filter((one) => name === null || one.verdict === name).length;
    const press = () => {
      state.verdict = name;
      show();
    };
    const pressed = String(state.verdict === name);
    const text = `${name === null ? "all" : plain(name)} ${count}`;
    return el("button", { type: "button", "aria-pressed": pressed, onclick: press }, text);
  });
}

/** The problems that a user wants to see, in the order that was asked for. */
function picked(problems, state) {
  const found = problems.filter(
    (one) =>
      (state.verdict === null || one.verdict === state.verdict) &&
      [one.name, one.question, one.answer ?? ""].some((text) =>
        text.toLowerCase().includes(state.text),
      ),
  );
  if (state.field === null) return found;
  const read = FIELDS[state.field][1];
  const sign = state.down ? -1 : 1;
  return found.sort((one, two) => sign * compared(read(one), read(two)));
}

function compared(one, two) {
  if (one === null || two === null) return (one === null) - (two === null);
  return typeof one === "string" ? one.localeCompare(two, "en", { numeric: true }) : one - two;
}

function problemTable(run, problems, state, show) {
  const found = picked(problems, state);
  const lines = found.slice(0, state.most).map((one) => [
    el(
      "span",
      { class: "two" },
      link(one.name, `#/tree/${run}/${one.id}`),
      el("small", { class: "cut" }, one.error ?? one.answer ?? one.question),
    ),
    badge(one.verdict),
    scored(one.score),
    short(one.depth),
    short(one.cost.llm_tokens),
    short(one.cost.reward_tokens),
    short(one.cost.calls),
    short(one.cost.flops),
    seconds(one.cost.seconds),
    dollars(one.cost.dollars),
  ]);
  const made = table(FIELDS.map(([name], i) => sorter(name, i, state, show)), lines, null);
  made.querySelectorAll("th").forEach((head, i) => {
    if (i === state.field) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
  });
  if (found.length <= state.most) return [made];
  const more = () => {
    state.most += MANY;
    show();
  };
  const text = `Show more: ${state.most} of ${found.length} are shown`;
  return [made, el("p", null, el("button", { type: "button", onclick: more }, text))];
}

/** A head that sorts by its column, the other way round when pressed again. */
function sorter(name, i, state, show) {
  const press = () => {
    state.down = state.field === i ? !state.down : i > 0;
    state.field = i;
    show();
  };
  const sign = state.field === i ? (state.down ? " ↓" : " ↑") : "";
  return el("button", { type: "button", class: "plain", onclick: press }, `${name}${sign}`);
}
