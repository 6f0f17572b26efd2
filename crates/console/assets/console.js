// Renews the figures of the overview. Without it they are as new as the page.

const figures = document.querySelector("#figures");
const every = Number(document.querySelector("[data-renewed-every]")?.dataset.renewedEvery ?? 10) * 1000;

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/console/figures", { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    figures.replaceChildren(...page.body.children);
  } catch {
    // The session is over, or the server is away: the next visit says so.
  }
}

if (figures) setInterval(renew, every);
