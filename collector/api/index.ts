export { bellwetherApi } from './bellwether.ts';
export { compareAlerts, createFleet, type Fleet, type KnownHost } from './fleet.ts';
export { createLiveHub, type LiveHub } from './live.ts';
export { createServer, refuseUpgrade, routeUpgrades, type Upgrade } from './server.ts';
export { uptimeApi, uptimeWindow } from './uptime.ts';
