"use strict";

// Charts: each holds its own numbers; colours are those of the page, in light and in dark.
const dark = matchMedia("(prefers-color-scheme: dark)");

function painted(layout) {
  const style = getComputedStyle(document.documentElement);
  const [ink, quiet, paper, line] = ["--ink", "--quiet", "--paper", "--line"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, spikecolor: quiet };
  return {
    ...layout,
    paper_bgcolor: paper,
    plot_bgcolor: paper,
    font: { family: style.fontFamily, size: 12, color: ink },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: ink },
    hoverlabel: { bgcolor: paper, bordercolor: line, font: { color: ink } },
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis },
  };
}

const touched = matchMedia("(pointer: coarse)").matches; // a finger that moves over a chart scrolls the page
const options = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  displayModeBar: !touched,
};
for (const place of document.querySelectorAll(".plot")) {
  const { data, layout } = JSON.parse(place.textContent);
  place.textContent = "";
  const asked = { ...layout, dragmode: touched ? false : "zoom" };
  Plotly.newPlot(place, data, painted(asked), options);
  dark.addEventListener("change", () => Plotly.react(place, data, painted(asked), options));
}

// Samples over time: one step is large, chosen by its button or by the slider.
for (const course of document.querySelectorAll(".course")) {
  const [view, slider] = [course.querySelector("figure"), course.querySelector("input")];
  const [picture, words] = [view.querySelector("img"), view.querySelector("figcaption")];
  const buttons = [...course.querySelectorAll("button")];
  const show = (number) => {
    const chosen = buttons[number];
    picture.src = chosen.querySelector("img").src;
    picture.alt = words.textContent = chosen.dataset.words;
    slider.value = number;
    buttons.forEach((button) => button.setAttribute("aria-pressed", button === chosen));
  };
  buttons.forEach((button, number) => button.addEventListener("click", () => show(number)));
  slider.addEventListener("input", () => show(Number(slider.value)));
  view.hidden = false;
  slider.hidden = buttons.length < 2;
  show(buttons.length - 1);
}
