// The chat page. Plain text goes in and comes out: nothing that was said is ever read as HTML.
// Written for old phones: no build step, nothing newer than 2018.
"use strict";

(function () {
  const by = (id) => document.getElementById(id);
  const words = JSON.parse(by("words").textContent);
  const longest = JSON.parse(by("limits").textContent).longest;
  const language = document.documentElement.lang;
  const page = { talk: by("talk"), log: by("log"), empty: by("empty"), form: by("composer"), text: by("text") };
  const button = page.form.querySelector("button");
  const patience = { working: 8000, later: 60000 };
  const retries = 4; // before the visitor is asked; with growing pauses this is about 15 s

  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // ---- Text: links and *bold*, as text nodes and elements ----

  const link = /https?:\/\/[^\s<>"\u2066-\u2069\u200e\u200f]+/g;
  const trailing = /[.,;:!?)\]}»”’،؟؛。，！？）।።]+$/;
  const bold = /(^|[^A-Za-z0-9*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![A-Za-z0-9*])/;

  function addBold(parent, text) {
    for (let found = bold.exec(text); found; found = bold.exec(text)) {
      const start = found.index + found[1].length;
      parent.append(text.slice(0, start), make("strong", "", found[2]));
      text = text.slice(found.index + found[0].length);
    }
    parent.append(text);
  }

  function addLink(parent, address) {
    let url;
    try {
      url = new URL(address);
    } catch (error) {
      parent.append(address);
      return;
    }
    // The site's name must stay readable; the rest of a long address need not fill the screen.
    const short = address.replace(/^https:\/\/(www\.)?/, "").replace(/\/$/, "");
    const anchor = make("a", "", short.length > 60 ? short.slice(0, 59) + "…" : short);
    anchor.href = url.href;
    anchor.title = address;
    anchor.target = "_blank";
    anchor.rel = "noopener nofollow";
    anchor.dir = "ltr";
    parent.append(anchor);
  }

  function addText(parent, text) {
    let at = 0;
    for (const found of text.matchAll ? text.matchAll(link) : []) {
      let address = found[0];
      const tail = trailing.exec(address);
      // A closing bracket belongs to the address if it opened there, as in Wikipedia's.
      if (tail && !(tail[0][0] === ")" && address.includes("("))) address = address.slice(0, tail.index);
      addBold(parent, text.slice(at, found.index));
      addLink(parent, address);
      at = found.index + address.length;
    }
    addBold(parent, text.slice(at));
  }

  // ---- Bubbles ----

  const names = { person: words.you, assistant: "Dalil", officer: words.officer };
  const today = new Date().toDateString();
  const locale = (navigator.languages || []).find((tag) => tag.split("-")[0] === language) || language;

  function when(at) {
    const moment = at ? new Date(at) : new Date();
    const shape = { hour: "2-digit", minute: "2-digit" };
    if (moment.toDateString() !== today) Object.assign(shape, { day: "numeric", month: "short" });
    const node = make("time", "", new Intl.DateTimeFormat(locale, shape).format(moment));
    node.dateTime = moment.toISOString();
    return node;
  }

  function bubble(message) {
    const node = make("article", "bubble " + message.author);
    node.append(make("p", message.author === "officer" ? "who" : "quiet", names[message.author]));
    const said = make("div", "said");
    said.dir = message.dir || "auto";
    if (message.language) said.lang = message.language;
    addText(said, words[message.text] && message.author === "person" ? words[message.text] : message.text);
    const meta = make("p", "meta");
    meta.append(when(message.at));
    node.append(said, meta);
    return node;
  }

  function nearEnd() {
    return page.talk.scrollHeight - page.talk.scrollTop - page.talk.clientHeight < 160;
  }

  // A long answer is read from its beginning: scroll to the end, but never past the top of `node`.
  function show(node) {
    const top = node.offsetTop - 12;
    page.talk.scrollTop = Math.min(top, page.talk.scrollHeight - page.talk.clientHeight);
  }

  function add(message, follow) {
    page.empty.hidden = true;
    const stay = !follow && !nearEnd();
    dropChips();
    const node = bubble(message);
    page.log.append(node);
    if (message.buttons && message.buttons.length) addChips(node, message);
    if (!stay) show(node);
    return node;
  }

  function addChips(node, message) {
    const group = make("div", "chips");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", words.replies);
    group.dir = message.dir;
    if (message.language) group.lang = message.language;
    for (const [title, payload] of message.buttons) {
      const chip = make("button", "chip", title);
      chip.type = "button";
      chip.addEventListener("click", (event) => {
        send(title, payload);
        backToText(event);
      });
      group.append(chip);
    }
    node.append(group);
  }

  function dropChips() {
    for (const chips of page.log.querySelectorAll(".chips")) chips.remove();
  }

  // ---- Sending: one at a time, in order; a repeat has the same id, so the server keeps it once ----

  const queue = [];
  let sending = false;
  let tries = 0;
  let next = null; // the page to go to once all is sent: leaving earlier would lose what still waits

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function send(text, choice, then) {
    const item = { body: { id: newId(), text: text }, then: then };
    if (choice !== undefined) item.body.choice = choice;
    shown.add(item.body.id);
    item.node = add({ author: "person", text: text, dir: "auto" }, true);
    item.state = make("span", "state", words.sending);
    item.node.querySelector(".meta").append(item.state);
    queue.push(item);
    pump();
  }

  async function post(path, body) {
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), 20000);
    try {
      return await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: control.signal,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async function pump() {
    if (sending) return;
    if (!queue.length) {
      if (next) location.assign(next);
      return;
    }
    sending = true;
    const item = queue[0];
    let response = null;
    try {
      response = await post("/channels/web", item.body);
    } catch (error) {
      // No connection, or no answer in time: treated like a server that is busy.
    }
    sending = false;
    if (response && response.status === 202) sent(item);
    else if (response && response.status < 500) await refused(item, response);
    else if (++tries > retries || !navigator.onLine) fail(words.unsent);
    else setTimeout(pump, 1000 * 2 ** (tries - 1));
  }

  function sent(item) {
    tries = 0;
    queue.shift();
    item.state.remove();
    item.node.classList.remove("unsent");
    next = item.then || next;
    waitForAnswer(0);
    listen();
    pump();
  }

  async function refused(item, response) {
    let reason = words.unsent;
    try {
      reason = (await response.json()).error;
    } catch (error) {
      // A proxy answered, not us.
    }
    if (response.status === 429) {
      item.state.textContent = reason;
      setTimeout(pump, 1000 * (Number(response.headers.get("Retry-After")) || 10));
    } else {
      // It would be refused again: say why, and let the others go.
      queue.shift();
      item.node.classList.add("unsent");
      item.state.textContent = reason;
      pump();
    }
  }

  function fail(reason) {
    tries = 0;
    for (const item of queue) {
      const again = make("button", "state again", reason);
      again.type = "button";
      again.addEventListener("click", resume);
      item.state.replaceWith(again);
      item.state = again;
      item.node.classList.add("unsent");
    }
  }

  function resume() {
    for (const item of queue) {
      const state = make("span", "state", words.sending);
      item.state.replaceWith(state);
      item.state = state;
      item.node.classList.remove("unsent");
    }
    pump();
  }

  // ---- Waiting: dots, then honest words ----

  const waiting = by("waiting");
  const waitingText = by("waiting-text");
  let timers = [];
  let withOfficer = false;

  function waitForAnswer(since) {
    doneWaiting();
    if (withOfficer) return; // officers answer when they have read it: no dots
    say(words.writing, "quiet");
    const follow = nearEnd();
    waiting.hidden = false;
    if (follow) page.talk.scrollTop = page.talk.scrollHeight;
    timers = [
      setTimeout(() => say(words.working, ""), patience.working - since),
      setTimeout(() => {
        waiting.classList.add("still");
        say(words.later, "");
      }, patience.later - since),
    ];
  }

  function say(text, className) {
    waitingText.className = className;
    waitingText.textContent = text;
  }

  function doneWaiting() {
    timers.forEach(clearTimeout);
    waiting.hidden = true;
    waiting.classList.remove("still");
  }

  // ---- Answers: an event stream that goes on where it stopped ----

  let stream = null;
  let last = 0;
  let pause = 1000;
  let lost = false;
  const shown = new Set();

  function receive(message) {
    if (shown.has(message.id)) return;
    shown.add(message.id);
    last = message.id;
    withOfficer = message.author === "officer";
    doneWaiting();
    add(message, false);
  }

  function listen() {
    if (stream) return;
    stream = new EventSource("/channels/web/stream?after=" + last);
    stream.onopen = () => {
      pause = 1000;
      if (lost) resume(); // what was written meanwhile goes out now
      lost = false;
      tellLine();
    };
    stream.onmessage = (event) => receive(JSON.parse(event.data));
    stream.addEventListener("erased", () => {
      page.log.textContent = "";
      doneWaiting();
    });
    stream.onerror = () => {
      lost = true;
      setTimeout(tellLine, 4000);
      if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again itself
      stream = null;
      setTimeout(listen, pause);
      pause = Math.min(pause * 2, 30000);
    };
  }

  function hush() {
    if (stream) stream.close();
    stream = null;
  }

  const line = by("line");

  function tellLine() {
    const cut = !navigator.onLine || (lost && stream && stream.readyState !== EventSource.OPEN);
    if (line.hidden === !cut) return;
    line.textContent = cut ? words.offline : "";
    line.hidden = !cut;
  }

  window.addEventListener("offline", tellLine);
  window.addEventListener("online", () => {
    tellLine();
    resume();
    if (stream) {
      hush();
      listen();
    }
  });

  // ---- The message box ----

  function measure() {
    page.text.style.height = "auto";
    page.text.style.height = Math.min(page.text.scrollHeight, 160) + "px";
    const left = longest - page.text.value.length;
    const count = by("count");
    const note = left < 0 ? words.over.replace("{count}", -left) : words.left.replace("{count}", left);
    count.textContent = left <= 400 ? note : "";
    count.classList.toggle("over", left < 0);
    button.disabled = left < 0 || !page.text.value.trim();
  }

  page.text.addEventListener("input", measure);
  page.text.addEventListener("keydown", (event) => {
    // While a word is being composed (Chinese, Hindi, …) Enter ends the word, not the message.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  page.form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
    page.text.focus({ preventScroll: true });
  });

  const hasMouse = matchMedia("(hover: hover) and (pointer: fine)").matches;

  // What was pressed is gone, so the focus must go somewhere; but a touch should not raise the keyboard
  // of a phone over the answer. `detail` is 0 for a press by keyboard or screen reader.
  function backToText(event) {
    if (hasMouse || event.detail === 0) page.text.focus({ preventScroll: true });
  }

  function submit() {
    const text = page.text.value.trim();
    if (!text || text.length > longest) return;
    page.text.value = "";
    measure();
    send(text);
  }

  for (const example of page.empty.querySelectorAll("button")) {
    example.addEventListener("click", (event) => {
      send(example.textContent);
      backToText(event);
    });
  }

  // ---- Menus ----

  const menus = document.querySelectorAll("details.menu");

  function closeMenus(except) {
    for (const menu of menus) if (menu !== except) menu.open = false;
  }

  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector("details.menu[open]");
    if (event.key !== "Escape" || !open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  for (const menu of menus) {
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  }
  for (const entry of document.querySelectorAll("[data-say]")) {
    entry.addEventListener("click", (event) => {
      closeMenus();
      send(entry.dataset.say);
      backToText(event);
    });
  }

  // Who picks a language is answered in it, too. Before anything was said, the first message tells it.
  for (const pick of document.querySelectorAll(".languages a")) {
    pick.addEventListener("click", (event) => {
      if (!page.log.firstChild || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      closeMenus();
      send(pick.textContent.trim(), "language:" + pick.lang, pick.href);
    });
  }

  // ---- Leaving a shared device ----

  const dialog = by("leaving");
  const others = window.BroadcastChannel ? new BroadcastChannel("dalil") : null;

  async function leave() {
    let response = null;
    try {
      response = await post("/channels/web/leave", {});
    } catch (error) {
      // Told below.
    }
    if (!response || !response.ok) {
      line.textContent = words.offline;
      line.hidden = false;
      return;
    }
    if (others) others.postMessage("left");
    startAnew();
  }

  function startAnew() {
    hush();
    page.log.textContent = "";
    page.text.value = "";
    location.replace("/");
  }

  if (others) others.onmessage = startAnew;

  by("leave").addEventListener("click", () => {
    closeMenus();
    if (dialog.showModal) dialog.showModal();
    else if (confirm(dialog.querySelector("h2").textContent)) leave();
  });
  dialog.addEventListener("click", (event) => {
    const chosen = event.target.value;
    if (!chosen && event.target !== dialog) return; // its words; the dialog itself is the backdrop
    dialog.close();
    if (chosen === "leave") leave();
    else if (chosen === "erase") send("/erase");
  });

  // A page that comes back from the browser's memory may show what the visitor has left behind.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  // ---- Begin: what was said before, then the stream ----

  async function begin() {
    measure();
    if (hasMouse) page.text.focus();
    tellLine();
    let history;
    try {
      history = await (await fetch("/channels/web/history")).json();
    } catch (error) {
      setTimeout(begin, 3000);
      return;
    }
    if (!history.known) return;
    page.log.setAttribute("aria-live", "off"); // old messages are not read out
    const early = page.log.firstChild; // what was written or came in before this answer did
    for (const message of history.messages) {
      if (shown.has(message.id)) continue;
      shown.add(message.id);
      if (early) page.log.insertBefore(bubble(message), early);
      else add(message, true);
    }
    last = Math.max(last, history.last);
    setTimeout(() => page.log.setAttribute("aria-live", "polite"), 500);
    listen();
    if (early) return;
    const newest = history.messages[history.messages.length - 1];
    const age = Date.now() - new Date(newest.at).getTime();
    withOfficer = newest.author === "officer";
    if (newest.author === "person" && age < patience.later) waitForAnswer(age);
  }

  begin();
})();
