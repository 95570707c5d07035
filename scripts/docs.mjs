// Writes the generated parts of the documentation anew: what stands between the markers
// `<!-- generated: NAME -->` and `<!-- end -->` in docs/. `npm run docs`; a test compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedParts } from '../dist/target/cli/docs.js';

for (const [file, parts] of Object.entries(generatedParts())) {
  const path = new URL(`../${file}`, import.meta.url);
  let text = readFileSync(path, 'utf8');
  for (const [name, content] of Object.entries(parts)) {
    const marker = `<!-- generated: ${name} -->`;
    const start = text.indexOf(marker) + marker.length;
    const end = text.indexOf('<!-- end -->', start);
    if (start < marker.length || end < 0) throw new Error(`${file} has no markers for "${name}"`);
    text = `${text.slice(0, start)}\n${content}${text.slice(end)}`;
  }
  writeFileSync(path, text);
}
