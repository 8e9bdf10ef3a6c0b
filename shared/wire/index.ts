export * from './collector-frames.ts';
export * from './decoder.ts';
export * from './encoder.ts';
export * from './messages.ts';
export * from './seq-progress.ts';
