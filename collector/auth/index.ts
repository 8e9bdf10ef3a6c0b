export { type Access, allows, type Principal, ROLES as ROLE_NAMES, roleOf, SCOPES, type Scope, scopeOf } from './access.ts';
export type { AgentIdentity, Agents, AgentView, EnrolledAgent } from './agents.ts';
export { ADMIN_TOKEN_FILE, type Auth, type AuthOptions, createAuth, type EnrollRequest, FIRST_ADMIN, type FirstStart } from './auth.ts';
export { type AccessOptions, authenticateUpgrade, guardRoutes, SESSION_COOKIE } from './http.ts';
export { authApi } from './routes.ts';
export { JOIN_PREFIX, type NewToken, TOKEN_PREFIX, type Tokens, type TokenView } from './tokens.ts';
export type { Users, UserView } from './users.ts';
