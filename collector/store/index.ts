export { type AdmissionLimits, DEFAULT_ADMISSION } from './admission.ts';
export { type CompiledMatcher, compileMatcher } from './matcher.ts';
export { type MemoryStoreOptions, openMemoryStore } from './memory-store.ts';
export * from './store.ts';
