export type { AgentView } from './connection.ts';
export { type AgentIdentity, createGateway, type DisconnectCause, type Gateway, type GatewayHooks } from './gateway.ts';
export type { UpChange } from './up-tracker.ts';
