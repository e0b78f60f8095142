// A document whose value changes, as text: by edits in place, and read again to be sure that it says what it should.
import { isMap, isScalar, isSeq, stringify } from 'yaml';
import { isObject, type Json } from '../../json/json.ts';
import { readDocuments, type ManifestDocument } from './document.ts';
import { applyEdits, editsOf, equal } from './edit.ts';
import { flowText, habitsOf } from './layout.ts';
import type { Path } from './workload.ts';

export interface Rewritten {
  readonly text: string;
  /** The document could not be edited in place: it was written anew, without its comments. */
  readonly anew: boolean;
}

/** The text of one document that says `after`. */
export function rewrite(document: ManifestDocument, after: Json): Rewritten {
  const { source, start, end, contents, value } = document;
  const old = source.text.slice(start, end);
  if (equal(value, after)) return { text: old, anew: false };
  const habits = habitsOf(old.replace(/^(?:---[ \t]*)?(?:\r?\n)?/, ''));
  const edits = editsOf(contents, value, after, { text: source.text, habits });
  const text =
    edits &&
    applyEdits(
      old,
      edits.map((edit) =>
        Object.assign(edit, {
          start: edit.start - start,
          end: edit.end - start,
        }),
      ),
    );
  if (text !== undefined && says(text, after)) return { text, anew: false };
  // Aliases, mostly: an edit at one place would change another.
  const separator = old.startsWith('---') ? `---${habits.newline}` : '';
  const isFlow = /^\s*[{[]/.test(old.slice(separator.length));
  return {
    text:
      separator +
      (isFlow
        ? `${flowText(after, '', habits)}\n`
        : stringify(after, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })),
    anew: true,
  };
}

const says = (text: string, wanted: Json): boolean => {
  const { documents, problems } = readDocuments({ file: '', text });
  return problems.length === 0 && documents.length === 1 && equal(documents[0]?.value, wanted);
};

/** A copy of a value with another one at a path; what is beside the path is shared. */
export function replaced(value: Json | undefined, path: Path, replacement: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  if (Array.isArray(value)) return value.map((item: Json, index) => (index === key ? replaced(item, rest, replacement) : item));
  const object = isObject(value) ? value : {};
  return { ...object, [key]: replaced(object[key], rest, replacement) };
}

/** The line where a path begins, or as much of it as the document spells out. */
export function lineOfPath(document: ManifestDocument, path: Path): number {
  let node = document.contents;
  let offset = node?.range[0] ?? document.start;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) break;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key] ?? null;
      offset = node?.range[0] ?? offset;
    } else break;
  }
  return document.lineOf(offset);
}
