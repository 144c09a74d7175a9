"use strict";
/* Charts of the tables beside them: a table is the only source of a chart's numbers. */
(() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const backwards = document.documentElement.dir === "rtl";
  const charts = [];

  function colour(name) { return getComputedStyle(document.body).getPropertyValue(name).trim(); }

  // Hatched beside plain: who sees no colours tells them apart, too.
  function hatched(line, ground) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = line;
    pen.lineWidth = 2;
    for (const shift of [-8, 0, 8]) { pen.moveTo(shift, 8); pen.lineTo(shift + 8, 0); }
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function read(table) {
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies[0].rows];
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      series: heads.slice(1).map((label, at) => ({ label, data: rows.map((row) => Number(row.cells[at + 1].textContent)) })),
    };
  }

  function draw(canvas) {
    const { labels, series } = read(document.getElementById(canvas.dataset.table));
    const lying = canvas.dataset.chart === "bars";
    const ink = colour("--ink");
    const edge = colour("--edge");
    const looks = [
      { backgroundColor: dark.matches ? "#e0a85a" : "#b4531f", borderColor: ink },
      { backgroundColor: hatched(dark.matches ? "#6fc2bb" : "#0b5d5e", colour("--card")), borderColor: dark.matches ? "#6fc2bb" : "#0b5d5e", borderWidth: 1 },
    ];
    const counts = { stacked: true, beginAtZero: true, reverse: lying && backwards, ticks: { precision: 0, color: ink }, grid: { color: edge } };
    const shown = function (value) { return shortened(this.getLabelForValue(value), this.chart.width < 500 ? 17 : 28); };
    const names = { stacked: true, reverse: !lying && backwards, position: lying && backwards ? "right" : undefined, ticks: { color: ink, autoSkip: !lying, ...(lying ? { callback: shown } : {}) }, grid: { display: false } };
    if (!lying && backwards) counts.position = "right";
    return new Chart(canvas, {
      type: "bar",
      data: { labels, datasets: series.map((each, at) => ({ ...each, ...looks[at], maxBarThickness: 40 })) },
      options: {
        indexAxis: lying ? "y" : "x",
        locale: document.documentElement.lang,
        animation: still ? false : { duration: 300 },
        maintainAspectRatio: false,
        scales: lying ? { x: counts, y: names } : { x: names, y: counts },
        plugins: {
          legend: { position: "bottom", rtl: backwards, textDirection: backwards ? "rtl" : "ltr", labels: { color: ink } },
          tooltip: { rtl: backwards, textDirection: backwards ? "rtl" : "ltr" },
        },
      },
    });
  }

  function shortened(label, most) { return label.length > most ? `${label.slice(0, most - 1)}…` : label; }

  function drawAll() {
    for (const chart of charts.splice(0)) chart.destroy();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
      charts.push(draw(canvas));
    }
  }

  // On a small screen the chart is enough to begin with; the table is one touch away.
  if (matchMedia("(max-width: 60rem)").matches) for (const part of document.querySelectorAll(".pair details")) part.open = false;
  drawAll();
  dark.addEventListener("change", drawAll);
})();
