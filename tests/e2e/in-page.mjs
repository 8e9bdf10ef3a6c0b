// Functions that run inside the browser's page, handed to playwright's evaluate. Each must stand alone: it is sent over as text.

/** Goes to another screen as a link would, without a reload. */
export function visit(url) {
  history.pushState(null, '', url);
  dispatchEvent(new PopStateEvent('popstate'));
}

export function showsData() {
  return document.querySelector('main li, main [role=cell], main td, main canvas, main .empty, main p') !== null;
}

export function chartsHaveNumbers() {
  return document.querySelectorAll('.legend strong').length > 8;
}

export function isMarkedStale() {
  return document.documentElement.hasAttribute('data-stale');
}

export function focused() {
  const element = document.activeElement;
  return {
    tag: element?.tagName ?? '',
    label: element?.getAttribute('aria-label') ?? '',
    text: element?.textContent ?? '',
    value: element?.getAttribute('aria-valuetext') ?? '',
    // The browser's own address bar comes between the last and the first element of a modal dialog: the body then has the focus.
    insideDialog: element === document.body || element?.closest('dialog') !== null,
  };
}

export function valueTextIsNot(before) {
  return document.activeElement?.getAttribute('aria-valuetext') !== before;
}

export function namesAreNot(before) {
  return [...document.querySelectorAll('[role=rowheader]')].map((cell) => cell.textContent).join() !== before.join();
}

export function watchPolicy() {
  globalThis.policyViolations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    globalThis.policyViolations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
}

export function policyViolations() {
  return globalThis.policyViolations;
}

/** axe-core has to be in the page already. One line a violation: its rule and the first elements. */
export async function accessibilityFaults() {
  const { violations } = await globalThis.axe.run({
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
  });
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(({ html }) => html.slice(0, 160))
        .join(' | ')}`,
  );
}

/** What a thumb could not hit (under 44 px) and whether the page is wider than `widthPx`. */
export function phoneFaults(widthPx) {
  const faults = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > widthPx) faults.push(`${location.pathname}: ${scrollWidth} px wide`);
  for (const target of document.querySelectorAll('a, button, input')) {
    const { width, height } = target.getBoundingClientRect();
    const visible = width > 2 && height > 2 && target.checkVisibility() && !target.classList.contains('skip');
    if (visible && (width < 44 || height < 44))
      faults.push(`${location.pathname}: ${Math.round(width)}x${Math.round(height)} ${target.outerHTML.slice(0, 90)}`);
  }
  return faults;
}
