// A second reader of the files from which the kubelet sets environment variables, written from its documentation: NAME='value' without
// escapes, blank lines and comments, lines of at most 64 KiB, of which the line break and a carriage return before it are dropped.

const MAX_LINE = 65_535;
const SKIPPED = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
const ASSIGNMENT = /[ \t]*(?<name>[^\s=#'][^\s=']*)='(?<value>[^']*)'[ \t]*(?:#[^\n]*)?(?:\n|$)/y;

/**
 * All variables of a file; of two with one name the first counts.
 * @throws where the kubelet cannot read the file, and the container does not start.
 */
export function readEnvFile(content: Buffer): ReadonlyMap<string, string> {
  const lines = content.toString('latin1').split('\n');
  const long = lines.findIndex((line) => line.length > MAX_LINE);
  if (long !== -1) throw new Error(`line ${long + 1} is too long`);
  const text = lines.map((line) => line.replace(/\r$/, '')).join('\n');
  const variables = new Map<string, string>();
  let offset = 0;
  while (offset < text.length) {
    SKIPPED.lastIndex = offset;
    ASSIGNMENT.lastIndex = offset;
    const skipped = SKIPPED.exec(text);
    const assignment = skipped ? undefined : ASSIGNMENT.exec(text);
    const found = skipped ?? assignment;
    if (!found) throw new Error(`byte ${offset} begins no assignment`);
    offset += found[0].length;
    const name = assignment?.groups?.['name'];
    if (name === undefined || variables.has(name)) continue;
    variables.set(name, Buffer.from(assignment?.groups?.['value'] ?? '', 'latin1').toString('utf8'));
  }
  return variables;
}
