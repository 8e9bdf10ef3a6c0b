export * from './describe.ts';
export * from './kinds.ts';
export * from './near.ts';
export * from './secret.ts';
export * from './yaml.ts';
