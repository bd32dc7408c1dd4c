// Elements and numbers. Text enters the page as text nodes only, so that no step can be markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes by name (on* are listeners, null is left out), then its children. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A drawing that the server made, as an element of this page; scripts in it would not run. */
function drawing(text) {
  const wrapped = text.replace("<svg ", `<svg xmlns="${SVG}" `);
  const root = new DOMParser().parseFromString(wrapped, "image/svg+xml").documentElement;
  if (root.namespaceURI !== SVG) return el("p", { class: "none" }, "There is no drawing.");
  return document.importNode(root, true);
}

/** A text with each place where a lower-case query occurs marked. */
function marked(text, query) {
  if (!query) return [text];
  const low = text.toLowerCase();
  // A letter whose lower case is longer shifts all places behind it: nothing is marked then.
  if (low.length !== text.length) return [text];
  const parts = [];
  let from = 0;
  for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, from)) {
    parts.push(text.slice(from, at), el("mark", null, text.slice(at, at + query.length)));
    from = at + query.length;
  }
  return [...parts, text.slice(from)];
}

/** A count or amount with its thousands as k, M, G, T or P. */
function short(number) {
  if (number === null || number === undefined) return "–";
  for (const [size, unit] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(number) >= size) return `${precise(number / size)}${unit}`;
  }
  return precise(number);
}

/** Three significant digits, without the exponent where it can be helped. */
function precise(number) {
  if (number === null || number === undefined) return "–";
  if (Number.isInteger(number) && Math.abs(number) < 1e6) return String(number);
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return number.toExponential(1);
  return String(Number(number.toPrecision(3)));
}

/** Two decimals where they say enough, so that the numbers of a column stand below each other. */
function aligned(number) {
  if (number === null || number === undefined) return "–";
  const size = Math.abs(number);
  return size === 0 || (size >= 0.005 && size < 1000) ? number.toFixed(2) : precise(number);
}

/** A score at a fixed width where it lies in [0, 1]. */
function scored(number) {
  if (number === null || number === undefined) return "–";
  return number >= 0 && number <= 1 ? number.toFixed(2) : precise(number);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function dollars(amount) {
  return amount ? `$${precise(amount)}` : "–";
}

function seconds(time) {
  return time >= 100 ? `${Math.round(time)} s` : `${precise(time)} s`;
}

const VERDICTS = {
  right: "✓ right",
  wrong: "✗ wrong",
  unchecked: "• answered",
  none: "– no answer",
  failed: "! failed",
};

/** A verdict as a sign and a word, so that its color alone says nothing. */
function badge(verdict) {
  return el("span", { class: `badge ${verdict}` }, VERDICTS[verdict] ?? verdict);
}

/** A table: heads and cells are texts or elements; the first column is text, the others numbers. */
function table(heads, lines, attributes) {
  const top = el("tr", null, heads.map((head) => el("th", { scope: "col" }, head)));
  const rows = lines.map((cells) => el("tr", null, cells.map((cell) => el("td", null, cell))));
  return el(
    "div",
    { class: "scroll card", tabindex: "0", role: "region", "aria-label": "Table", ...attributes },
    el("table", null, el("thead", null, top), el("tbody", null, rows)),
  );
}
