// Runs before the first paint, so a chosen theme never flashes the other one. A file of its own because the page allows no inline script.
(() => {
  try {
    const theme = localStorage.getItem('bellwether:theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage can be switched off; the system's theme is then right.
  }
})();
