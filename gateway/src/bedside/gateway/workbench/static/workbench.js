// Small comforts; every page works without them.

const search = document.querySelector("#q");
const rows = () => [...document.querySelectorAll(".rows a")];

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "/" && !typing && search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const list = rows();
    if (!list.length) return;
    const now = list.indexOf(document.activeElement);
    const next = event.key === "ArrowDown" ? now + 1 : now - 1;
    event.preventDefault();
    if (next < 0) search?.focus();
    else list[Math.min(next, list.length - 1)].focus();
  }
});

// What could not be loaded is asked for again soon, what is whole less often. A refusal leaves the page as it is.
const live = document.querySelector("#live");
const pause = () => (live.querySelector("[data-completeness='partial']") ? 3000 : 30000);

async function refresh() {
  try {
    const answer = await fetch(live.dataset.refresh, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload();
    if (answer.ok && !live.contains(document.activeElement)) {
      const open = live.querySelector("details")?.open;
      live.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
      const details = live.querySelector("details");
      if (details && open) details.open = true;
    }
    document.body.classList.remove("offline");
  } catch {
    document.body.classList.add("offline");
  }
  setTimeout(refresh, pause());
}

if (live) setTimeout(refresh, pause());
