import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));
const collector = process.env.BELLWETHER_URL ?? 'http://127.0.0.1:8720';

// The page is served under `default-src 'self'`: nothing inline, no data: images, every asset a hashed file.
export default defineConfig({
  root: here,
  plugins: [svelte()],
  build: {
    outDir: join(here, '../dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': collector,
      '/live': { target: collector, ws: true },
    },
  },
});
