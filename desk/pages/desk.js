"use strict";
/* What every page of the desk does by itself: live updates, the counter in the title, sound, keys. */
(() => {
  const frame = document.getElementById("frame");
  const told = document.getElementById("told");
  const title = document.title;
  let unread = null;

  /* --- words at the foot of the page --- */
  let hiding = 0;
  function tell(words, seconds = 8) {
    clearTimeout(hiding);
    told.textContent = words;
    if (seconds) hiding = setTimeout(() => { told.textContent = ""; }, seconds * 1000);
  }
  // A refusal of ours is plain text; it is shown as text, also where the form says in data-answer. The request is asked
  // itself: of a form that was drawn anew meanwhile, because a colleague was faster, htmx's events reach nobody.
  document.body.addEventListener("htmx:beforeSend", (event) => {
    const { xhr, elt } = event.detail;
    xhr.addEventListener("load", () => {
      if (xhr.status < 400) return;
      const plain = (xhr.getResponseHeader("content-type") || "").startsWith("text/plain");
      const words = (xhr.status < 500 && plain && xhr.responseText) || frame.dataset.failed;
      const place = document.getElementById(elt.dataset.answer || "");
      if (place) place.textContent = words;
      tell(words);
    });
  });
  document.body.addEventListener("htmx:sendError", () => tell(frame.dataset.offline));

  /* --- where we are --- */
  const within = (path) => path && `${location.pathname}/`.startsWith(`${path}/`);
  const rooms = [...document.querySelectorAll(".rooms a")].filter((link) => [link.pathname, ...(link.dataset.also || "").split(" ")].some(within));
  const room = rooms.sort((a, b) => b.pathname.length - a.pathname.length)[0];
  if (room) room.setAttribute("aria-current", "page");
  else if (location.pathname.replace(/\/$/, "") === "/desk") document.querySelector('.rooms a[href="/desk/queue"]')?.setAttribute("aria-current", "page");
  document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  if (!frame.dataset.live) return;

  /* --- live: the lists listen for these on the body --- */
  function raise(name) { htmx.trigger(document.body, name); }
  function here() { return (location.pathname.match(/^\/desk\/chats\/(\d+)/) || [])[1]; }
  let lost = false;
  function listen() {
    const source = new EventSource(frame.dataset.live);
    source.addEventListener("queue", () => raise("queue"));
    source.addEventListener("mine", () => raise("mine"));
    source.addEventListener("ticket", (event) => raise(`ticket:${event.data}`));
    source.addEventListener("open", () => {
      // What happened since the page was made, or while the connection was lost, has not been told.
      raise("queue");
      raise("mine");
      if (here()) raise(`ticket:${here()}`);
      if (lost) told.textContent = "";
      lost = false;
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);  // refused: the browser gives up by itself
      if (!lost) setTimeout(() => { if (source.readyState !== EventSource.OPEN && lost) tell(frame.dataset.offline, 0); }, 3000);
      lost = true;
    });
    addEventListener("pagehide", () => source.close());
  }
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  listen();

  /* --- boxes that are ticked stay so when their list is drawn anew --- */
  let ticked = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    ticked = [...event.detail.target.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.id);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const id of ticked) { const box = id && document.getElementById(id); if (box) box.checked = true; }
    ticked = [];
  });
  document.body.addEventListener("change", (event) => {
    const all = event.target.dataset.ticksAll;
    if (all) for (const box of document.querySelectorAll(`input[name="${all}"]`)) box.checked = event.target.checked;
  });

  /* --- how many chats have something new --- */
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "unread") return;
    const count = Number(document.getElementById("unread").dataset.count = event.detail.target.textContent.trim().replace(/\D/g, "") || "0");
    document.title = count ? `(${count}) ${title}` : title;
    if (unread !== null && count > unread && sounds()) beep();
    unread = count;
  });

  /* --- sound: off until an officer wants it, on this device --- */
  const switcher = document.getElementById("sound");
  function sounds() { return localStorage.getItem("dalil-sound") === "on"; }
  function show() { switcher.setAttribute("aria-pressed", String(sounds())); }
  function beep() {
    const context = new AudioContext();
    const volume = context.createGain();
    const tone = context.createOscillator();
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.12, context.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.35);
    tone.connect(volume).connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + 0.35);
    tone.addEventListener("ended", () => context.close());
  }
  switcher.addEventListener("click", () => {
    localStorage.setItem("dalil-sound", sounds() ? "off" : "on");
    show();
    if (sounds()) beep();
  });
  show();

  /* --- keys --- */
  const keys = document.getElementById("keys");
  document.getElementById("show-keys").addEventListener("click", () => keys.showModal());
  function step(by) {
    const links = [...document.querySelectorAll("#mine .chats a")].filter((link) => link.offsetParent !== null);
    if (!links.length) { if (!document.getElementById("mine")) location.href = "/desk/chats"; return; }
    const at = links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : (at + by + links.length) % links.length;
    location.href = links[next].href;
  }
  let after = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
    const pressed = after + event.key;
    after = event.key === "g" ? "g" : "";
    setTimeout(() => { after = ""; }, 1500);
    if (pressed === "gq") location.href = "/desk/queue";
    else if (pressed === "gc") location.href = "/desk/chats";
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "?") keys.showModal();
    else return;
    event.preventDefault();
  });

  /* --- a menu closes when one looks elsewhere --- */
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });
})();
