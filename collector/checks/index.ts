export { type CheckStates, type Checks, type ChecksOptions, type ProbeAnswer, type ProbeAsk, startChecks } from './checks.ts';
export { checksConfig } from './config.ts';
export { checksApi } from './routes.ts';
