"use strict";
// The page is whole without this: it only adds what a pointer can ask for.
(() => {
  const tips = JSON.parse(document.getElementById("tips").textContent);
  const tip = document.getElementById("tip");
  let lit = [];

  function light(target) {
    for (const mark of lit) mark.classList.remove("lit");
    lit = [];
    tip.hidden = true;
    if (!target) return;
    const number = target.dataset.t;
    lit = [...document.querySelectorAll(`[data-t="${number}"]`)];
    for (const mark of lit) mark.classList.add("lit");
    if (target.tagName === "TR") return;
    tip.textContent = tips[number];
    tip.hidden = false;
  }

  function follow(event) {
    if (tip.hidden) return;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY + 18 + box.height > innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above ? event.clientY - box.height - 12 : event.clientY + 18}px`;
  }

  document.addEventListener("pointerover", (event) => {
    light(event.target.closest ? event.target.closest("[data-t]") : null);
    follow(event);
  });
  document.addEventListener("pointermove", follow);

  const told = (cell) => cell.dataset.v ?? cell.textContent;

  for (const table of document.querySelectorAll("table.sortable")) {
    table.classList.add("live");
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.tabIndex = 0;
      const sort = () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => {
          const [x, y] = [told(a.cells[column]), told(b.cells[column])];
          const [p, q] = [Number(x), Number(y)];
          const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          sort();
        }
      });
    });
  }
})();
