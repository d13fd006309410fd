// Figures of the charts where somebody points.

import { besideUtc } from "./times.js";

let pointer = null; // the last move over a chart

// Return the points of a path in seconds and heights, as services/monitor/dashboard/charts.py writes it.
const points = (path) => path.getAttribute("d").split(/[ML]/).slice(1).map((pair) => pair.split(" ").map(Number));

export function point() {
  const plot = pointer && document.elementFromPoint(pointer.x, pointer.y)?.closest(".lines");
  for (const old of document.querySelectorAll(".pointed")) if (old.textContent) old.textContent = "";
  if (!plot) return;
  const box = plot.getBoundingClientRect(), top = Number(plot.dataset.top);
  const second = ((pointer.x - box.left) / box.width) * plot.viewBox.baseVal.width;
  const legend = plot.closest(".plot").previousElementSibling;
  const nearest = [...plot.querySelectorAll(".line")].map((line) =>
    points(line).reduce((best, at) => (!best || Math.abs(at[0] - second) < Math.abs(best[0] - second) ? at : best), null));
  const figure = (height) => ("logarithmic" in plot.dataset ? 10 ** (top - height) : top - height);
  const said = nearest.map((at, index) => {
    const name = legend.querySelectorAll(".key")[index].firstChild.textContent.trim();
    return at && `${name} ${Math.round(figure(at[1])).toLocaleString("en")}`;
  });
  const moment = besideUtc(new Date((Number(plot.dataset.since) + second) * 1000), "brief");
  legend.querySelector(".pointed").textContent = `${moment}: ${said.filter(Boolean).join(", ")}`;
}

document.addEventListener("pointermove", (event) => {
  pointer = event;
  point();
});
