import type { Role } from '@bellwether/shared/api';

/** What a route asks for. `config: { access }` on the route; `read` when it says nothing. */
export type Access = 'anonymous' | 'read' | 'operate' | 'admin' | 'ingest';
/** What an API token was made for. */
export type Scope = 'ingest' | 'read' | 'operate' | 'admin';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
export const SCOPES: readonly Scope[] = ['ingest', 'read', 'operate', 'admin'];

/** Whoever makes a request. */
export interface Principal {
  readonly kind: 'session' | 'token';
  /** User name, or `token:<name>`. */
  readonly name: string;
  readonly scope: Scope;
  /** Signed in by a one-time link; may do nothing but set a password. */
  readonly mustSetPassword: boolean;
}

const ALLOWED: Readonly<Record<Scope, readonly Access[]>> = {
  ingest: ['anonymous', 'ingest'],
  read: ['anonymous', 'read'],
  operate: ['anonymous', 'read', 'operate'],
  admin: ['anonymous', 'read', 'operate', 'admin', 'ingest'],
};

export function allows(scope: Scope, access: Access): boolean {
  return ALLOWED[scope].includes(access);
}

const SCOPE_OF: Readonly<Record<Role, Scope>> = { viewer: 'read', operator: 'operate', admin: 'admin' };

export function scopeOf(role: Role): Scope {
  return SCOPE_OF[role];
}

/** The role whose pages a scope may see; what a token is shown as. */
export function roleOf(scope: Scope): Role {
  return ROLES.find((role) => SCOPE_OF[role] === scope) ?? 'viewer';
}
