// The block of ARCHITECTURE.md with the arrows between the folders of src, as the imports have them.
import { posix } from 'node:path';
import { sourcesIn } from '../support/sources.ts';
import { type Document, withBlock } from './markdown.ts';

/** Folders of src with those that each imports, for values or types; a folder stands below all that it imports. */
function arrows(): ReadonlyMap<string, readonly string[]> {
  const imports = new Map<string, Set<string>>();
  for (const { file, imports: targets } of sourcesIn('src')) {
    const from = file.split('/')[1] ?? '';
    const known = imports.get(from) ?? new Set<string>();
    imports.set(from, known);
    for (const { target } of targets) {
      const to = target.startsWith('.') ? (posix.join(posix.dirname(file), target).split('/')[1] ?? '') : from;
      if (to !== from) known.add(to);
    }
  }
  const sorted = new Map<string, readonly string[]>();
  while (sorted.size < imports.size) {
    const next = [...imports].find(([from, to]) => !sorted.has(from) && [...to].every((one) => sorted.has(one)));
    if (!next)
      throw new Error(`folders import each other: ${[...imports.keys()].filter((name) => !sorted.has(name)).join(', ')}`);
    sorted.set(
      next[0],
      [...sorted.keys()].filter((name) => next[1].has(name)),
    );
  }
  return sorted;
}

/** ARCHITECTURE.md with its block of arrows as they are now. */
export function roomsDocument(): Document {
  const width = Math.max(...[...arrows().keys()].map((name) => name.length));
  const lines = [...arrows()].map(([from, to]) => `${from.padEnd(width)} ─► ${to.join(', ') || 'nothing'}`);
  return withBlock('ARCHITECTURE.md', 'rooms', ['```', ...lines, '```'].join('\n'));
}
