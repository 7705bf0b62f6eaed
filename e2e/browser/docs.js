import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = import.meta.dirname;
const pages = ['../../README.md', '../../docs/api.md'];
const block = /^( *)```jsx?\n *\/\/ ([\w.]+\.jsx?)\n(.*?)^ *```$/gms;

/**
 * Builds the app that the documentation shows, for the server at api: every block that begins with its file's name. Gives the
 * app's script and what its backend exports.
 */
export async function appOfTheDocs(api) {
  const folder = await mkdtemp(join(tmpdir(), 'annals-app-'));
  try {
    const files = await extract(folder, api);
    const { outputFiles } = await build({
      entryPoints: [join(here, 'main.jsx')],
      alias: { 'docs/annals.js': files.get('annals.js'), 'docs/Activities.jsx': files.get('Activities.jsx') },
      nodePaths: [join(here, 'node_modules')],
      define: { 'process.env.NODE_ENV': '"development"' },
      jsx: 'automatic',
      bundle: true,
      write: false,
      logLevel: 'error',
    });
    return { script: outputFiles[0].text, backend: await import(pathToFileURL(files.get('backend.js'))) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function extract(folder, api) {
  const files = new Map();
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  for (const page of pages) {
    const text = await readFile(join(here, page), 'utf8');
    for (const [, , name, code] of text.matchAll(block)) {
      files.set(name, join(folder, name));
      await writeFile(files.get(name), code.replaceAll('https://annals.example.com', api));
    }
  }
  return files;
}
