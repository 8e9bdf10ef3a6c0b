#!/usr/bin/env node
import { existsSync } from 'node:fs';

const bundle = new URL('../dist/bellwether.mjs', import.meta.url);
if (!existsSync(bundle)) (await import('../scripts/prepare.mjs')).prepare();
await import(bundle.href);
