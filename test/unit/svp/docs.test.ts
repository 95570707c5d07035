import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generatedParts } from '../../../target/cli/docs.js';
import { checkout } from '../../support/root.js';

for (const [file, parts] of Object.entries(generatedParts())) {
  t.test(`${file} says what the code says (npm run docs writes it anew)`, async (t) => {
    const text = readFileSync(join(checkout, file), 'utf8');
    for (const [name, content] of Object.entries(parts)) {
      const marker = `<!-- generated: ${name} -->\n`;
      const start = text.indexOf(marker);
      t.not(start, -1, `has a place for "${name}"`);
      t.equal(text.slice(start + marker.length, text.indexOf('<!-- end -->', start)), content, name);
    }
  });
}
