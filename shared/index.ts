export * from './clock.ts';
export * from './component.ts';
export * from './errors.ts';
export * from './labels.ts';
export * from './pattern.ts';
export * from './samples.ts';
export * from './series.ts';
export * from './time.ts';
