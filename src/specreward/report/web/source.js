// Where the data comes from: a server, or the page itself where it was exported.

class KeyNeeded extends Error {}

/** Answers of a server; a key that it asks for is kept as long as the tab is open. */
class Served {
  live = true;

  async get(path, signal) {
    const key = stored("sessionStorage", "key");
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    const answer = await fetch(path, { headers, signal });
    if (answer.status === 401 || answer.status === 403) throw new KeyNeeded("a key is needed");
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}: ${path}`);
    return answer.json();
  }

  files(signal) {
    return this.get("api/runs", signal);
  }

  comparison(file, signal) {
    return this.get(`api/files/${encodeURIComponent(file)}`, signal);
  }

  problems(run, signal) {
    return this.get(`api/runs/${encodeURIComponent(run)}/problems`, signal);
  }

  tree(run, problem, signal) {
    const [a, b] = [run, problem].map(encodeURIComponent);
    return this.get(`api/runs/${a}/problems/${b}`, signal);
  }

  searches(signal) {
    return this.get("api/live", signal);
  }

  news(search, after, wait, signal) {
    return this.get(`api/live/${encodeURIComponent(search)}?after=${after}&wait=${wait}`, signal);
  }
}

/** What was put into the page when it was exported; each tree is unpacked when it is opened. */
class Embedded {
  live = false;

  constructor(data) {
    this.data = data;
  }

  async files() {
    return this.data.files;
  }

  async comparison(file) {
    return known(this.data.comparisons[file], "file");
  }

  async problems(run) {
    return known(this.data.problems[run], "run");
  }

  async tree(run, problem) {
    return unpacked(known(this.data.trees[`${run}/${problem}`], "problem"));
  }
}

function known(value, what) {
  if (value === undefined) throw new Error(`there is no such ${what} in this file`);
  return value;
}

/** JSON from base64 of gzip. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function source() {
  const data = JSON.parse(document.getElementById("data").textContent);
  return data === null ? new Served() : new Embedded(data);
}

/** What a storage of the window holds; a page opened from a disk may have none. */
function stored(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

function store(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // Kept for this view only.
  }
}
