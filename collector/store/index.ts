export { type AdmissionLimits, DEFAULT_ADMISSION } from './admission.ts';
export { type EmbeddedStore, type EmbeddedStoreOptions, openEmbeddedStore } from './embedded/embedded-store.ts';
export { nodeFs, type StoreFile, type StoreFs } from './embedded/store-fs.ts';
export { type CompiledMatcher, compileMatcher } from './matcher.ts';
export { type MemoryStoreOptions, openMemoryStore } from './memory-store.ts';
export * from './store.ts';
