import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

import { licences } from './licences.js';

const jsonc = fileURLToPath(new URL('jsonc.js', import.meta.url));
const bundled = licences('assets/THIRD_PARTY_LICENSES.txt');

export default defineConfig({
  resolve: {
    alias: {
      'prettier/parser-babel': jsonc,
      'prettier/parser-graphql': 'prettier/plugins/graphql',
      'prettier/plugins/estree': jsonc,
    },
  },
  plugins: [bundled.collect(), bundled.write()],
  worker: { format: 'es', plugins: () => [bundled.collect()] },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rolldownOptions: { onLog },
  },
});

// React's "use client" means nothing to a page that has no server side; everything else is worth reading.
function onLog(level, log, print) {
  if (log.code !== 'MODULE_LEVEL_DIRECTIVE') {
    print(level, log);
  }
}
