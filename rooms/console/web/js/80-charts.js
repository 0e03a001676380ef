// Calls by the hour: answered calls before all calls.

const charts = new Map();

const colour = (name) => {
  const probe = document.createElement("span");
  probe.className = name;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
};

function draw(holder) {
  const source = document.getElementById(holder.dataset.chart)?.querySelector("[data-points]");
  if (!source || typeof uPlot === "undefined") {
    return;
  }
  const [at, answered, others] = JSON.parse(source.dataset.points);
  const points = [at, answered.map((count, hour) => count + others[hour]), answered];
  const known = charts.get(holder);
  if (known) {
    known.setData(points);
    return;
  }
  const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", timeZone: holder.dataset.zone });
  const bars = uPlot.paths.bars({ size: [0.62, 28], radius: 0.18 });
  const axis = { stroke: colour("chart-ink"), font: "12px Inter, sans-serif", ticks: { show: false } };
  const grid = { stroke: colour("chart-line"), width: 1 };
  const options = {
    width: holder.clientWidth,
    height: holder.clientHeight,
    padding: [8, 0, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, low, high) => [low - 1800, high + 1800] },
      y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        grid: { show: false },
        incrs: [3600, 7200, 10800, 21600],
        space: 52,
        splits: (chart) => {
          const step = chart.width < 480 ? 6 : 3;
          return at.filter((_, index) => index % step === 0);
        },
        values: (_, splits) => splits.map((second) => `${hour.format(second * 1000)}:00`),
      },
      { ...axis, grid, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
    ],
    series: [
      {},
      { paths: bars, fill: colour("chart-fill-missed"), points: { show: false } },
      { paths: bars, fill: colour("chart-fill-answered"), points: { show: false } },
    ],
  };
  charts.set(holder, new uPlot(options, points, holder));
}

const all = () => document.querySelectorAll("[data-chart]");

for (const holder of all()) {
  draw(holder);
  new ResizeObserver(() => charts.get(holder)?.setSize({ width: holder.clientWidth, height: holder.clientHeight })).observe(holder);
}

document.addEventListener("htmx:sseMessage", () => all().forEach(draw));

const again = () => {
  // A copy: what is drawn anew is put into the map again, and would be met again without end.
  for (const [holder, chart] of [...charts]) {
    chart.destroy();
    charts.delete(holder);
    draw(holder);
  }
};
document.addEventListener("theme", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
