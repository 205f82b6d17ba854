/* Keys of the reviewer's page that its buttons cannot have: a held key answers once, N goes to the
   reason and Esc back from it, PageUp and PageDown scroll a long text. */
(() => {
  if (window.tidegaugeDesk) return;
  window.tidegaugeDesk = true;
  const reason = () => document.querySelector('[class*="st-key-desk_reason"] textarea');
  const typing = (where) => where.matches("input, textarea, select, [contenteditable=true]");
  const scroll = (event, pages) => {
    const box = document.querySelector(".desk-text");
    if (!box || box.scrollHeight <= box.clientHeight) return;
    box.scrollBy({ top: pages * 0.9 * box.clientHeight });
    event.preventDefault();
  };
  const pressed = (event) => {
    if (!reason() || !(event.target instanceof Element)) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.repeat && !event.key.startsWith("Page") && !event.key.startsWith("Arrow")) {
      event.stopImmediatePropagation();
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "PageDown") scroll(event, 1);
    if (event.key === "PageUp") scroll(event, -1);
    if (event.key === "n" || event.key === "N") {
      reason().focus();
      event.preventDefault();
    }
  };
  window.addEventListener("keydown", pressed, true);
})();
