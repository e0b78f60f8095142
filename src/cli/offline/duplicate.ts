// Keys that stand twice in a map. The YAML library can look for them, but compares each with each: a map of 100,000 keys would
// take minutes.
import { isMap, isPair, isScalar, isSeq, type ParsedNode } from 'yaml';

/** Offset of the first key that its map has already, or undefined. */
export function duplicateKeyIn(contents: ParsedNode | null): number | undefined {
  let first: number | undefined;
  const open: unknown[] = [contents];
  while (open.length > 0) {
    const node = open.pop();
    if (isMap(node)) {
      const seen = new Set<unknown>();
      for (const { key, value } of node.items) {
        if (isScalar(key)) {
          const offset = key.range?.[0] ?? 0;
          if (seen.has(key.value) && (first === undefined || offset < first)) first = offset;
          seen.add(key.value);
        } else open.push(key);
        open.push(value);
      }
    } else if (isSeq(node)) {
      // One by one: as arguments of one call, a long list would not fit on the stack.
      for (const item of node.items) open.push(item);
    } else if (isPair(node)) open.push(node.key, node.value);
  }
  return first;
}
