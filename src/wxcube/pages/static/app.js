"use strict";
// Everything here is an extra: without it the pages show the same figures.

const dark = matchMedia("(prefers-color-scheme: dark)");
const scripts = new Map();

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "system" ? dark.matches : chosen === "dark";
}

function load(address) {
  if (!scripts.has(address)) {
    scripts.set(address, new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    }));
  }
  return scripts.get(address);
}

// --- live charts: drawn in place of the picture when it is touched --------------------------------

async function drawLive(figure) {
  if (figure.dataset.state) return;
  figure.dataset.state = "loading";
  const { chart, echarts: library, runtime } = figure.dataset;
  const address = chart + (chart.includes("?") ? "&" : "?") + "theme=" + (isDark() ? "dark" : "light");
  try {
    const [reply] = await Promise.all([fetch(address), load(library), load(runtime)]);
    if (!reply.ok) throw new Error(reply.status);
    const data = await reply.json();
    const picture = figure.querySelector("picture");
    const place = figure.querySelector(".live") || document.createElement("div");
    place.className = "live";
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", figure.querySelector("img").alt);
    place.style.height = picture.clientHeight ? picture.clientHeight + "px" : figure.dataset.height + "px";
    picture.hidden = true;
    figure.prepend(place);
    const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
    const live = echarts.init(place, null, { renderer: "svg" });
    live.setOption(wxcubeCharts.resolve(data.option, data.palette, language));
    new ResizeObserver(() => live.resize()).observe(place);
    figure.dataset.state = "live";
    const button = figure.closest(".card").querySelector("[data-live]");
    if (button) {
      button.textContent = button.dataset.on;
      button.setAttribute("aria-pressed", "true");
    }
  } catch {
    // the picture stays; the next touch tries again
    delete figure.dataset.state;
  }
}

function becomeLive(figure) {
  const button = figure.closest(".card").querySelector("[data-live]");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => drawLive(figure));
  }
  figure.addEventListener("pointerenter", () => drawLive(figure));
}

dark.addEventListener("change", () => {
  document.querySelectorAll("figure[data-state='live']").forEach((figure) => {
    echarts.getInstanceByDom(figure.querySelector(".live")).dispose();
    delete figure.dataset.state;
    drawLive(figure);
  });
});

// --- progress of a sync ---------------------------------------------------------------------------

function poll(element) {
  const again = async () => {
    const reply = await fetch(element.dataset.poll);
    if (!reply.ok) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    element.replaceChildren(...page.body.childNodes);
    if (element.querySelector("[data-running]")) setTimeout(again, 5000);
  };
  if (element.querySelector("[data-running]")) setTimeout(again, 2000);
}

document.querySelectorAll("figure[data-chart]").forEach(becomeLive);
document.querySelectorAll("[data-poll]").forEach(poll);
