// The address says which page is shown; a page that is left takes its listeners and requests along.

const PAGES = {
  "": homePage,
  file: filePage,
  run: runPage,
  tree: treePage,
  live: livePage,
};

/** The way to this page: [text, target], the last without a target. */
function crumbs(parts) {
  const items = parts.map(([text, target]) =>
    el("li", null, target === null ? el("span", { "aria-current": "page" }, text) : link(text, target)),
  );
  document.getElementById("crumbs").replaceChildren(el("ol", null, items));
  document.title = `${parts.at(-1)[0]} · specreward`;
}

function startPages(data) {
  const main = document.getElementById("main");
  let leaving = new AbortController();
  let close = null;
  const show = async () => {
    leaving.abort();
    close?.();
    close = null;
    const own = (leaving = new AbortController());
    try {
      const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
      main.setAttribute("aria-busy", "true");
      const closing = await (PAGES[name] ?? homePage)(main, data, rest, own.signal);
      if (own.signal.aborted) closing?.();
      else close = closing;
    } catch (error) {
      if (own.signal.aborted) return;
      crumbs([["Runs", "#/"], ["Nothing to show", null]]);
      main.replaceChildren(error instanceof KeyNeeded ? keyForm(show) : failure(error, show));
    } finally {
      if (!own.signal.aborted) main.removeAttribute("aria-busy");
    }
  };
  window.addEventListener("hashchange", show);
  return show();
}

function failure(error, again) {
  return el(
    "div",
    { role: "alert" },
    el("h1", null, "This cannot be shown"),
    el("p", { class: "error" }, error.message),
    el("button", { type: "button", onclick: again }, "Try again"),
  );
}

function keyForm(again) {
  const field = el("input", { type: "password", "aria-label": "Key", autocomplete: "off" });
  const submit = (event) => {
    event.preventDefault();
    store("sessionStorage", "key", field.value);
    again();
  };
  return el(
    "form",
    { class: "key", onsubmit: submit },
    el("h1", null, "This server asks for a key"),
    stored("sessionStorage", "key")
      ? el("p", { class: "error", role: "alert" }, "The key that was given is wrong.")
      : null,
    el("p", null, field, " ", el("button", { type: "submit" }, "Show")),
  );
}

// ------------------------------------------------------------------------ light and dark

function startTheme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = stored("localStorage", "theme");
  const show = () => {
    const theme = chosen ?? (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${button.textContent.toLowerCase()} colors`);
  };
  button.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    store("localStorage", "theme", chosen);
    show();
  });
  system.addEventListener("change", show);
  show();
}

/** The first link leads past the head of the page, and is no address of its own. */
function startSkip() {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
}

startTheme();
startSkip();
startPages(source());
