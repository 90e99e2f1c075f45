"use strict";
// Narrows and sorts the table of servers. Without it, the table is whole and the most suspicious come first.
(() => {
  const table = document.getElementById("servers");
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, text: row.textContent.toLowerCase() }));
  const choices = ["level", "software", "country", "operator"];

  const narrow = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      const fits = choices.every((name) => {
        const wanted = form.elements[name].value;
        return wanted === "" || row.dataset[name] === wanted;
      });
      row.hidden = !(fits && words.every((word) => text.includes(word)));
      shown += row.hidden ? 0 : 1;
    }
    status.textContent = `${shown} of ${rows.length} servers`;
  };

  const value = ({ row }, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.value);
  };
  const compare = (one, other) => (typeof one === "number" ? one - other : one.localeCompare(other));

  const sort = (heading) => {
    const falls = heading.getAttribute("aria-sort") === "ascending"
      || (!heading.hasAttribute("aria-sort") && heading.dataset.first === "descending");
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const keyed = rows.map((entry) => ({ entry, key: value(entry, heading.cellIndex) }));
    keyed.sort((one, other) => (falls ? compare(other.key, one.key) : compare(one.key, other.key)));
    body.append(...keyed.map(({ entry }) => entry.row));
  };

  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }
  form.addEventListener("input", narrow);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(narrow));
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("#servers details, .operator")) details.open = true;
  });
  form.hidden = false;
  narrow();
})();
