"use strict";
/* The page of one chat: the box keeps what is written, sends once, and nothing is replaced under somebody's hands. */
(() => {
  const number = document.querySelector(".chat").dataset.ticket;
  const key = `dalil-draft-${number}`;
  const log = document.getElementById("transcript");
  const box = () => document.getElementById("text");

  /* --- the transcript stays at its end, unless somebody reads further up --- */
  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  let follow = true;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  toEnd();

  /* --- what is written is kept here, beside the server --- */
  function adjust() {
    const text = box();
    if (!text) return;
    const limit = Number(text.dataset.limit), count = document.getElementById("count");
    const parts = limit ? Math.ceil(text.value.length / limit) : 1;
    count.textContent = parts > 1 ? text.dataset.parts.replace("{count}", parts) : "";
  }
  function restore() {
    const kept = sessionStorage.getItem(key);
    if (box() && kept && !box().value) box().value = kept;
    adjust();
  }
  document.addEventListener("input", (event) => {
    if (event.target.id !== "text") return;
    sessionStorage.setItem(key, event.target.value);
    adjust();
  });
  restore();

  function fill(words) {
    const text = box();
    if (!text || !words) return;
    text.value = text.value.trim() ? `${text.value.trimEnd()}\n${words}` : words;
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
  }
  document.addEventListener("change", (event) => {
    if (event.target.id !== "canned") return;
    fill(event.target.selectedOptions[0].dataset.text);
    event.target.selectedIndex = 0;
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "text" || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  /* --- live parts --- */
  function busy(part) {
    const now = document.activeElement;
    if (part.contains(now) && now.matches("input, textarea, select")) return true;
    return [...part.querySelectorAll("textarea, input, select, option")].some((field) => {
      if (field.tagName === "OPTION") return field.selected !== field.defaultSelected && field.value !== "" && !field.closest("#canned");
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      return field.tagName !== "SELECT" && field.type !== "hidden" && field.value !== field.defaultValue;
    });
  }
  let opened = null, gone = false;
  function remember() {
    opened = new Map([...document.querySelectorAll("#side details")].map((part) => [part.id, part.open]));
  }
  function reopen() {
    if (opened) for (const [id, open] of opened) { const part = document.getElementById(id); if (part) part.open = open; }
    opened = null;  // what is opened or closed from now on stays so, whatever else is swapped
  }
  const body = document.body;
  body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const part = event.detail.target;
    if (part.id === "reply") {
      const next = event.detail.fragment.querySelector?.("#reply")?.dataset.state || event.detail.fragment.dataset?.state;
      // Somebody who writes keeps their words, also when the chat is no longer theirs: they are told when they send.
      event.detail.shouldSwap = !busy(part) && (part.dataset.state !== next || !box()?.value);
      // But of a person who had everything deleted nothing stays, neither here nor in the browser.
      gone = next === "gone";
      if (gone) { sessionStorage.removeItem(key); event.detail.shouldSwap = true; }
    } else event.detail.shouldSwap = gone || !busy(part);
    if (part.id === "side") remember();
  });
  body.addEventListener("htmx:oobAfterSwap", () => { reopen(); restore(); });
  body.addEventListener("htmx:configRequest", (event) => {
    if (document.hidden) event.detail.headers["X-Hidden"] = "1";
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) htmx.trigger(body, `ticket:${number}`);
  });
  let sending = false;
  body.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    // The desk shows a 409 in place of what was asked for; here it is a line of words.
    if (xhr.status === 409) { event.detail.shouldSwap = false; event.detail.isError = true; return; }
    if (target === log) follow = atEnd();
    if (target.id === "side") remember();
    sending = target.id === "reply" && xhr.status === 200;
    if (sending) sessionStorage.removeItem(key);
  });
  body.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (target === log && follow) toEnd();
    reopen();
    if (sending) { sending = false; adjust(); box()?.focus(); follow = true; toEnd(); }
    if (target.id === "fill") { fill(target.textContent); target.textContent = ""; }
  });
})();
