"""The viewer in Chromium: opened, walked through by keyboard, filtered, followed and measured."""

from dataclasses import replace

import pytest
from report.searches import EVIL, SPECULATIVE, Checked, large, small, speculated

from browser.conftest import Server
from specreward.report.archive import Archive
from specreward.report.viewer import exported_page
from specreward.types import Trace

TREE = "document.querySelector('[role=tree]')"
COUNT = "return document.querySelector('.count-line').textContent"


@pytest.fixture
def tree(browser, server):
    """The page of the small search."""
    go_to(browser, server, "p1")
    return browser


def go_to(browser, server, name):
    """Open the search on a problem."""
    run = server.archive.files()[0].runs[0].id
    [problem] = [one.id for one in server.archive.problems(run) if one.name == name]
    browser.open(f"{server.address}#/tree/{run}/{problem}")
    browser.wait(f"return {TREE} !== null")


def follow(browser, server, name):
    browser.open(f"{server.address}#/live/{name}")
    browser.wait(f"return {TREE} !== null")


# ------------------------------------------------------------------ open


def test_from_the_list_of_runs_to_a_tree(browser, server):
    tree = browser
    tree.open(server.address)
    tree.click("main h2 a", "demo")
    tree.click("main td a", SPECULATIVE)
    tree.click("main td a", "p1")
    tree.wait(f"return {TREE} !== null")
    assert tree.rows() == ["go left", "answer 42", "answer 41", "turn back", "go right", EVIL]
    assert "✓ right" in tree.text
    assert "150 tokens" in tree.text
    assert "policy propose" not in tree.text
    tree.click("summary")
    assert "policy propose" in tree.text
    assert tree.run("return document.title") == "p1 · specreward"


def test_the_chosen_path_and_the_pruned_steps_are_marked(tree):
    marked = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
    assert tree.run(marked, ".row.chosen .text") == ["go left", "answer 42"]
    assert sorted(tree.run(marked, ".row.pruned .text")) == ["answer 41", "go right"]
    said = "return [...document.querySelectorAll('.sign')].map((one) => one.ariaLabel).sort()"
    assert tree.run(said) == ["kept", "kept", *["on the chosen path"] * 2, "pruned", "pruned"]
    colors = (
        "return new Set([...document.querySelectorAll('.swatch')]"
        ".map((one) => getComputedStyle(one).backgroundPosition)).size"
    )
    assert tree.run(colors) == 5  # the best score is that of two steps


def test_all_that_is_known_of_a_step_is_in_the_panel(tree):
    tree.click(".row .text", "go right")
    panel = tree.run("return document.querySelector('.panel').innerText")
    assert "Pruned: SR 0.25: not drawn at a chance of 25%." in panel
    for fact in ("SR", "0.25", "RC", "0.8", "reward", "tokens"):
        assert fact in panel
    tree.click(".row .text", "turn back")
    panel = tree.run("return document.querySelector('.panel').innerText")
    assert "The search never went on from here." in panel
    tree.click(".way button", "go left")
    assert tree.active() == "go left"


def test_a_text_with_markup_is_shown_and_not_run(tree):
    tree.click(".row .text", "<script>")
    assert tree.run("return document.querySelector('.whole').textContent") == EVIL
    assert tree.run("return window.hacked === undefined")
    assert tree.run("return document.querySelectorAll('main script, main img').length") == 0


def test_the_same_problem_under_another_strategy_is_one_choice_away(tree):
    tree.run(
        "const choice = document.querySelector('select'); choice.selectedIndex = 1;"
        "choice.dispatchEvent(new Event('change'))"
    )
    tree.wait("return document.getElementById('crumbs').innerText.includes('cot()')")
    tree.wait(f"return {TREE} !== null")


# ------------------------------------------------------------------ expand, keyboard


def test_the_tree_is_walked_by_keyboard(tree):
    from selenium.webdriver.common.keys import Keys

    tree.run(f"{TREE}.focus()")
    tree.keys(Keys.ARROW_DOWN)
    assert tree.active() == "go left"
    tree.keys(Keys.ARROW_LEFT)
    assert tree.rows() == ["go left", "go right", EVIL]
    assert tree.run("return document.querySelector('.row.active').ariaExpanded") == "false"
    tree.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert tree.active() == "answer 42"
    tree.keys(Keys.END)
    assert tree.active() == EVIL
    tree.keys(Keys.HOME, Keys.ENTER)
    assert len(tree.rows()) == 3
    tree.keys(Keys.SPACE, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert tree.active() == "go left"
    assert len(tree.rows()) == 6


def test_rows_tell_a_screen_reader_where_they_are(tree):
    facts = (
        "const row = [...document.querySelectorAll('[role=treeitem]')]"
        ".find((one) => one.textContent.includes(arguments[0]));"
        "return [row.ariaLevel, row.ariaPosInSet, row.ariaSetSize, row.ariaExpanded]"
    )
    assert tree.run(facts, "go left") == ["1", "1", "3", "true"]
    assert tree.run(facts, "turn back") == ["2", "3", "3", None]


def test_the_focus_can_be_seen(tree):
    from selenium.webdriver.common.keys import Keys

    tree.run("document.querySelector('.tools input').focus()")
    for _ in range(5):
        tree.keys(Keys.TAB)
        style = "return getComputedStyle(document.activeElement).outlineStyle"
        assert tree.run(style) == "solid"
    tree.keys(Keys.ARROW_DOWN)
    assert tree.active() == "go left"


# ------------------------------------------------------------------ filter, search


def test_pruned_steps_go_and_come_back(tree):
    tree.keys("p")
    assert tree.rows() == ["go left", "answer 42", "turn back", EVIL]
    assert tree.run(COUNT) == "4 of 6 steps shown"
    pressed = "return document.querySelector('.tools [aria-pressed]').ariaPressed"
    assert tree.run(pressed) == "true"
    tree.click(".tools button", "Hide pruned")
    assert len(tree.rows()) == 6


def test_a_search_shows_what_it_finds_and_what_is_above_it(tree):
    from selenium.webdriver.common.keys import Keys

    tree.keys("/")
    tree.keys("ANSWER")
    assert tree.rows() == ["go left", "answer 42", "answer 41"]
    assert tree.run(COUNT) == "2 found · 3 of 6 steps shown"
    assert tree.run("return document.querySelectorAll('mark').length") == 2
    tree.keys("p")  # a letter of the search, and no key of the tree
    assert tree.run(COUNT) == "0 found · 0 of 6 steps shown"
    assert "No step has this text." in tree.text
    tree.keys(Keys.BACKSPACE, Keys.ENTER)
    assert tree.active() == "answer 42"
    tree.run("document.querySelector('.tools input').focus()")
    tree.keys(Keys.ESCAPE)
    assert len(tree.rows()) == 6
    assert tree.active() == "answer 42"


def test_problems_are_filtered_searched_and_sorted(browser, server):
    run = server.archive.files()[0].runs[0].id
    browser.open(f"{server.address}#/run/{run}")
    names = "return [...document.querySelectorAll('main td a')].map((one) => one.textContent)"
    assert browser.run(names) == ["p1", "large", "p9", "p2"]
    browser.click("th button", "problem")
    assert browser.run(names) == ["large", "p1", "p2", "p9"]
    browser.click("th button", "LLM tokens")
    assert browser.run(names)[-1] == "p9"
    sort = "return document.querySelector('[aria-sort]').ariaSort"
    assert browser.run(sort) == "descending"
    browser.click("th button", "LLM tokens")
    assert browser.run(names)[0] == "p9"
    browser.click(".tools button", "right 2")
    assert sorted(browser.run(names)) == ["p1", "p2"]
    browser.click(".tools input")
    browser.keys("of P2")
    assert browser.run(names) == ["p2"]


def test_strategies_are_drawn_and_listed_against_each_other(browser, server):
    browser.open(f"{server.address}#/file/{server.archive.files()[0].id}")
    browser.wait("return document.querySelectorAll('svg .point').length === 4")
    assert "50.0 %" in browser.text
    assert "2 right, 1 wrong, 1 failed" in browser.text
    size = "const box = document.querySelector('svg').getBoundingClientRect();"
    assert browser.run(f"{size} return box.width > 300 && box.height > 150")


# ------------------------------------------------------------------ light, dark, narrow


def light(browser):
    """Lightness of the page and of its text, in [0, 1]."""
    return browser.run(
        "const style = getComputedStyle(document.body);"
        "return [style.backgroundColor, style.color].map((text) => "
        "text.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765)"
    )


def test_light_and_dark(tree, server):
    paper, ink = light(tree)
    assert paper > 0.9
    assert ink < 0.2
    tree.click("#theme")
    paper, ink = light(tree)
    assert paper < 0.15
    assert ink > 0.8
    tree.open(server.address)  # it is remembered
    assert light(tree)[0] < 0.15
    tree.click("#theme")
    assert light(tree)[0] > 0.9
    tree.run("localStorage.clear()")


def test_the_system_decides_at_first(browser, server):
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    browser.open(server.address)
    assert light(browser)[0] < 0.15
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_small_screens_need_no_sideways_scrolling(tree, server):
    run = server.archive.files()[0].runs[0].id
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    tree.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert tree.run("return innerWidth") == 360
    assert tree.run(wide) == 0
    tree.click(".row .text", "go right")
    widest = (
        "return Math.max(...[...document.querySelectorAll('.text')].map((one) => one.clientWidth))"
    )
    assert tree.run(widest) > 100
    assert tree.run(wide) == 0
    for page in ("", f"#/run/{run}", f"#/file/{run.partition('-')[0]}"):
        tree.open(f"{server.address}{page}")
        tree.wait("return document.querySelector('main a') !== null")
        assert tree.run(wide) == 0
    tree.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# ------------------------------------------------------------------ under way


def test_a_search_is_followed_until_it_ends(browser, server):
    step = server.search(small(), "followed")
    follow(browser, server, "followed")
    assert "searching" in browser.text
    assert "No step has been judged." in browser.text
    step()
    browser.wait("return document.querySelectorAll('.space .row').length === 3")
    assert browser.rows() == ["go left", "go right", EVIL]
    step()
    browser.wait("return document.querySelectorAll('.space .row').length === 6")
    assert browser.run("return document.querySelectorAll('.row.chosen').length") == 0
    step()
    browser.wait("return document.querySelectorAll('.row.chosen').length === 2")
    assert "ended: done" in browser.text
    assert "searching" not in browser.text


def test_what_the_user_does_while_a_search_grows_stays(browser, server):
    step = server.search(small(), "kept")
    follow(browser, server, "kept")
    step()
    browser.wait("return document.querySelectorAll('.space .row').length === 3")
    browser.click(".row .text", "go right")
    browser.keys("p")
    step()
    browser.wait("return document.querySelectorAll('.space .row').length === 4")
    browser.keys("p")
    browser.click(".row .text", "go right")
    step()
    browser.wait("return document.querySelectorAll('.row.chosen').length === 2")
    assert browser.active() == "go right"


def test_what_is_below_a_pruned_step_is_hidden_with_it(browser, server):
    """A rule may prune a step that the search went on from before."""
    result = small()
    [first, second] = result.expansions
    parent = first[1][1].path
    below = tuple(speculated(parent, f"below {i}", sr=1.2, kept=True) for i in range(2))
    grown = replace(result, expansions=(first, second, (parent, below)))
    step = server.search(grown, "below")
    for _ in range(4):
        step()
    follow(browser, server, "below")
    browser.wait("return document.querySelectorAll('.space .row').length === 8")
    browser.keys("p")
    assert browser.rows() == ["go left", "answer 42", "turn back", EVIL]
    browser.keys("/", "below")
    assert browser.run(COUNT) == "0 found · 0 of 8 steps shown"


def test_searches_under_way_are_listed(browser, server):
    step = server.search(small(), "listed")
    for i in range(20):
        server.live.start(small().problem, SPECULATIVE, Trace(), id=f"old{i}").end("done")
    links = "return document.querySelectorAll('section[aria-label=Searches] td a').length"
    browser.open(server.address)
    browser.wait("return document.querySelector('.badge.running') !== null")
    assert browser.run(links) < 20  # what ended long ago is not in the way of the runs
    browser.click("section[aria-label=Searches] button", "Show all")
    browser.wait(f"{links} > 20")
    browser.run("document.querySelector(\"main td a[href='#/live/listed']\").focus()")
    for _ in range(3):
        step()
    browser.wait(
        "return [...document.querySelectorAll('tr')].some((one) => "
        "one.innerHTML.includes('#/live/listed') && one.textContent.includes('done'))"
    )
    assert browser.run("return document.activeElement.getAttribute('href')") == "#/live/listed"
    browser.click("main td a[href='#/live/listed']")
    browser.wait("return document.querySelectorAll('.row.chosen').length === 2")


def test_an_address_that_leads_nowhere_says_so(browser, server):
    browser.open(f"{server.address}#/live/nothing")
    browser.wait("return document.body.innerText.includes('This cannot be shown')")
    assert "404" in browser.text
    browser.run("location.hash = '#/run/%zz'")
    browser.wait("return document.body.innerText.includes('malformed')")
    browser.driver.get_log("browser")  # the 404 itself


def test_a_server_with_a_key_asks_for_it(browser, folder):
    fastapi = pytest.importorskip("fastapi", reason="needs the serve extra")

    def locked(request: fastapi.Request):
        if request.headers.get("authorization") != "Bearer open sesame":
            raise fastapi.HTTPException(401)

    server = Server([folder], guard=[fastapi.Depends(locked)])
    try:
        browser.open(server.address)
        browser.click("input[type=password]")
        assert "wrong" not in browser.text
        browser.keys("wrong")
        browser.click("form button")
        browser.wait("return document.body.innerText.includes('The key that was given is wrong')")
        browser.click("input[type=password]")
        browser.wait("return document.querySelector('input[type=password]').value === ''")
        browser.keys("open sesame")
        browser.click("form button")
        browser.click("main h2 a", "demo")
        browser.wait("return document.querySelectorAll('svg .point').length === 4")
        browser.driver.get_log("browser")  # the refusals themselves
    finally:
        server.close()


# ------------------------------------------------------------------ many nodes


def test_ten_thousand_nodes_stay_responsive(browser, server):
    """Bounds are some ten times what was measured on two cores with nothing else on them."""
    [file] = server.archive.files()
    run = file.runs[0].id
    [problem] = [one.id for one in server.archive.problems(run) if one.name == "large"]
    browser.open(server.address)
    browser.run(
        "window.begun = performance.now(); location.hash = arguments[0]", f"#/tree/{run}/{problem}"
    )
    opened = browser.wait(
        "return document.querySelector('.space .row') && performance.now() - window.begun"
    )
    press = (
        "[...document.querySelectorAll('.tools button')]"
        ".find((one) => one.textContent.startsWith(arguments[0])).click()"
    )
    times = {"open": opened}
    for name, shown in (
        ("Expand all", 10_000),
        ("Collapse all", 10),
        ("Expand all", 10_000),
        ("Hide pruned", 7_500),
    ):
        times[name] = browser.timed(press, name)
        assert browser.run(COUNT) == f"{shown} of 10000 steps shown"
        assert browser.run("return document.querySelectorAll('.row').length") < 80
    times["search"] = browser.timed(
        "const box = document.querySelector('.tools input'); box.value = 'step 77';"
        "box.dispatchEvent(new Event('input'))"
    )
    assert browser.run(COUNT).startswith("84 found")
    browser.run(
        "const box = document.querySelector('.tools input'); box.value = '';"
        "box.dispatchEvent(new Event('input'))"
    )
    frames = browser.driver.execute_async_script(
        "const done = arguments[arguments.length - 1]; const tree = arguments[0];"
        "tree.scrollTop = 0; const times = []; let last = performance.now();"
        "requestAnimationFrame(function frame(now) { times.push(now - last); last = now;"
        "tree.scrollTop += 900; if (times.length < 30) requestAnimationFrame(frame);"
        "else done(times.sort((a, b) => a - b)) })",
        browser.run(f"return {TREE}"),
    )
    times["frame"] = frames[len(frames) // 2]
    assert opened < 10_000, times
    assert all(time < 1500 for name, time in times.items() if name != "open"), times
    assert times["frame"] < 300, times


def test_a_row_far_down_is_reached_by_keyboard(browser, server):
    from selenium.webdriver.common.keys import Keys

    go_to(browser, server, "large")
    browser.click(".tools button", "Expand all")
    browser.run(f"{TREE}.focus()")
    browser.keys(Keys.HOME, Keys.END)
    last = browser.active()
    assert browser.rows()[-1] == last
    browser.keys(Keys.PAGE_UP, Keys.PAGE_DOWN)
    assert browser.active() == last
    browser.click(".tools button", "To the answer")
    assert browser.run("return document.querySelector('.row.active').classList.contains('chosen')")


@pytest.mark.parametrize("above", range(4))
def test_what_is_looked_at_stays_in_place_when_steps_are_hidden(browser, server, above):
    """Whatever row is the first in sight: one row in four is hidden."""
    go_to(browser, server, "large")
    browser.click(".tools button", "Expand all")
    browser.run(f"{TREE}.scrollTop = (5000 + {above}) * 30")
    place = (
        f"const top = {TREE}.getBoundingClientRect().top + 30;"
        "const found = [...document.querySelectorAll('.space .row:not(.pruned)')].map((row) =>"
        "[row.querySelector('.text').textContent, row.getBoundingClientRect().top - top]);"
    )
    first = "found.filter(([, at]) => at >= 0 && at < 60).sort((a, b) => a[1] - b[1])[0]"
    text, at = browser.wait(f"{place} return {first}")
    browser.keys("p")
    assert browser.run(COUNT) == "7500 of 10000 steps shown"
    [now] = browser.wait(f"{place} return found.filter(([one]) => one === arguments[0])", text)
    assert now == [text, at]


# ------------------------------------------------------------------ exported


def test_an_exported_page_works_from_a_disk(browser, folder, tmp_path):
    archive = Archive([folder], task=Checked(), only=lambda row: row.strategy == SPECULATIVE)
    page = tmp_path / "out.html"
    page.write_text(exported_page(archive), encoding="utf-8")
    archive.close()
    browser.open(page.as_uri())
    browser.wait("return document.querySelectorAll('svg .point').length === 2")
    browser.click("main td a", SPECULATIVE)
    browser.click("main td a", "p1")
    browser.wait(f"return {TREE} !== null")
    assert browser.rows()[-1] == EVIL
    assert browser.run("return window.hacked === undefined")
    browser.run("history.back()")
    browser.click("main td a", "large")
    browser.wait(f"return {TREE} !== null")
    browser.click(".tools button", "Expand all")
    assert browser.run(COUNT) == "10000 of 10000 steps shown"


def test_the_policy_forbids_what_a_text_might_ask_for(tree):
    """Should markup ever come through, nothing runs and no host is asked."""
    tree.run(
        "const hole = document.createElement('div');"
        'hole.innerHTML = \'<img src="http://127.0.0.1:9/x.png" onerror="window.hacked = 1">\';'
        "document.body.append(hole)"
    )
    tree.run("return fetch('http://127.0.0.1:9/').catch(() => null)")
    log = [one["message"] for one in tree.driver.get_log("browser")]
    assert any("Content Security Policy" in message for message in log)
    assert tree.run("return window.hacked === undefined")


def test_large_trees_have_the_size_that_is_said():
    assert sum(len(family) for _, family in large().expansions) == 10_000
