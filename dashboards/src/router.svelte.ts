import { type Route, routeOf, withParams } from './core/route.ts';

/** The address bar as state: the URL is the view, so a reload, a link or Back gives the same picture. */
export class Router {
  path = $state(location.pathname);
  params = $state.raw(new URLSearchParams(location.search));
  /** Counts navigations to another path; the page moves focus to the new screen's heading by it. */
  visits = $state(0);
  readonly route: Route = $derived(routeOf(this.path));

  /** Follows clicks on links of our own and the Back button until the returned function is called. */
  listen(): () => void {
    const onClick = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;
      if (link === null || !plain || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
      if (link.hash !== '' && link.pathname === location.pathname) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    };
    const onBack = () => this.#read();
    document.addEventListener('click', onClick);
    window.addEventListener('popstate', onBack);
    return () => {
      document.removeEventListener('click', onClick);
      window.removeEventListener('popstate', onBack);
    };
  }

  /** Goes to `url` (path and query). `replace` leaves no step for Back: for typing, not for choices. */
  go(url: string, { replace = false } = {}): void {
    if (url === location.pathname + location.search) return;
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.#read();
  }

  /** Changes query parameters of this screen; '' removes one. */
  set(changes: Readonly<Record<string, string>>, options?: { replace: boolean }): void {
    this.go(location.pathname + withParams(this.params, changes), options);
  }

  #read(): void {
    if (this.path !== location.pathname) this.visits++;
    this.path = location.pathname;
    this.params = new URLSearchParams(location.search);
  }
}
