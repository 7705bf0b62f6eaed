// Replaces the built assets by their gzip form, which is what the server stores and sends. Plain text stays readable in the repository.
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const folder = fileURLToPath(new URL('../dist/assets/', import.meta.url));

for (const name of readdirSync(folder).filter((file) => !file.endsWith('.txt'))) {
  const packed = gzipSync(readFileSync(folder + name), { level: constants.Z_BEST_COMPRESSION });
  writeFileSync(`${folder}${name}.gz`, packed);
  unlinkSync(folder + name);
}
