// Draws a chart above each table marked with data-chart, from the numbers in it. The table stays: it is the chart's text.
// Markup: <div data-chart="line|bar" data-chart-label="…"><table> with data-value on every number cell. With
// data-chart-axis="one" all series share an axis: they are in one unit and are meant to be compared.
"use strict";

(() => {
  if (typeof Chart === "undefined") return;

  const SERIES_MAX = 3; // three colours can be told apart; more belong into several charts
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const read = (table) => {
    const heads = [...table.tHead.rows[0].cells].slice(1, 1 + SERIES_MAX).map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies[0].rows];
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      series: heads.map((label, index) => ({
        label,
        data: rows.map((row) => Number(row.cells[index + 1].dataset.value)),
      })),
    };
  };

  const draw = (box) => {
    const { labels, series } = read(box.querySelector("table"));
    const frame = document.createElement("div");
    const canvas = document.createElement("canvas");
    frame.className = "chart-canvas";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", box.dataset.chartLabel);
    frame.append(canvas);
    box.prepend(frame);
    const isShared = box.dataset.chartAxis === "one";
    const colours = ["--chart-1", "--chart-2", "--chart-3"].map(token);
    const axis = { grid: { color: token("--line") }, border: { display: false }, ticks: { color: token("--ink-soft") } };
    return new Chart(canvas, {
      type: box.dataset.chart,
      data: {
        labels,
        datasets: series.map((one, index) => ({
          ...one,
          borderColor: colours[index],
          backgroundColor: colours[index],
          borderDash: index === 1 ? [5, 4] : [],
          borderWidth: 2,
          pointRadius: 2.5,
          borderRadius: 3,
          tension: 0.25,
          yAxisID: index === 0 || isShared ? "y" : "y1",
        })),
      },
      options: {
        responsive: true,
        maintainAspectRatio: false,
        animation: false,
        interaction: { mode: "index", intersect: false },
        locale: document.documentElement.lang,
        scales: {
          x: { ...axis, grid: { display: false } },
          y: { ...axis, beginAtZero: true },
          ...(series.length > 1 && !isShared ? { y1: { ...axis, position: "right", beginAtZero: true, grid: { display: false } } } : {}),
        },
        plugins: { legend: { display: series.length > 1, align: "start", labels: { color: token("--ink"), boxWidth: 12, boxHeight: 2 } } },
      },
    });
  };

  const boxes = [...document.querySelectorAll("[data-chart]")];
  let charts = boxes.map(draw);
  dark.addEventListener("change", () => {
    for (const chart of charts) {
      const frame = chart.canvas.parentElement;
      chart.destroy();
      frame.remove();
    }
    charts = boxes.map(draw);
  });
})();
