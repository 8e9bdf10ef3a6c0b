export { type HostLedger, type HostWatch, type StoredHost, startHostWatch } from './host-watch.ts';
