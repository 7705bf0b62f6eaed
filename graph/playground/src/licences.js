import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const named = /^(licen[cs]e|copying|notice|third-?party)/i;

/**
 * Two Vite plugins that share what they know: `collect` notes the package of every module that ends up in a bundle (the page's
 * and each worker's), `write` emits one file with all their licences.
 */
export function licences(fileName) {
  const roots = new Set();
  return {
    collect: () => ({
      name: 'collect-licences',
      generateBundle(_options, bundle) {
        Object.values(bundle)
          .flatMap((chunk) => chunk.moduleIds ?? [])
          .map(packageRoot)
          .filter(Boolean)
          .forEach((root) => roots.add(root));
      },
    }),
    write: () => ({
      name: 'write-licences',
      generateBundle() {
        const source = [...roots].map(entry).sort().join('\n');
        this.emitFile({ type: 'asset', fileName, source });
      },
    }),
  };
}

function packageRoot(module) {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0];
}

function entry(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!manifest.license) {
    throw new Error(`${manifest.name} declares no licence`);
  }
  const texts = readdirSync(root)
    .filter((file) => named.test(file))
    .map((file) => readFileSync(join(root, file), 'utf8').trim());
  if (texts.length === 0) {
    texts.push(`The package holds no licence text. It comes from ${manifest.repository?.url ?? manifest.repository}.`);
  }
  return `=== ${manifest.name} ${manifest.version} (${manifest.license})\n\n${texts.join('\n\n')}\n`;
}
