#!/usr/bin/env -S node --max-semi-space-size=1 --max-old-space-size=64 --v8-pool-size=0
import { existsSync } from 'node:fs';

// `run` has an entry of its own that loads neither the command line parser nor the configuration's schema.
const name = process.argv[2] === 'run' ? 'agent-run' : 'bellwether-agent';
const bundle = new URL(`../dist/${name}.mjs`, import.meta.url);
if (!existsSync(bundle)) (await import('../scripts/prepare.mjs')).prepare();
await import(bundle.href);
