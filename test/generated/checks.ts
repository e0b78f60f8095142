// The block of docs/guides/check.md with all checks, as their table has them.
import { AREAS, checks } from '../../src/check/catalogue.ts';
import { code, type Document, tableOf, withBlock } from './markdown.ts';

/** The guide of the command check with its table of checks. */
export function checksDocument(): Document {
  const rows = AREAS.flatMap((area) =>
    Object.entries(checks)
      .filter(([, check]) => check.area === area)
      .map(([name, { sentence }], index) => [index === 0 ? area : '', code(name), sentence]),
  );
  return withBlock('docs/guides/check.md', 'checks', tableOf(['Area', 'Check', 'It is ok when'], rows));
}
