// Additions to collections in flow style: JSON, and what looks like it within YAML.
import type { Json } from '../../json/json.ts';
import { flowText } from './layout.ts';
import { lineMargin, type Collection, type Edit, type EditContext } from './place.ts';

export interface Addition {
  /** Only for members of a map. */
  readonly key?: string;
  readonly value: Json;
}

/** Members or items for a collection that has some: before the item at `index` or at the end. */
export function extendFlow(
  node: Collection,
  added: readonly Addition[],
  { text, habits }: EditContext,
  index = node.items.length,
): Edit[] {
  const ends = node.items.map((item) =>
    'key' in item
      ? { start: item.key.range[0], end: (item.value ?? item.key).range[1] }
      : { start: item.range[0], end: item.range[1] },
  );
  const neighbour = ends[Math.min(index, ends.length - 1)];
  if (!neighbour) return [];
  const margin = lineMargin(neighbour.start, text);
  const opensLine = text.slice(text.lastIndexOf('\n', neighbour.start - 1) + 1, neighbour.start).trim() === '';
  const isLong = text.slice(node.range[0], node.range[1]).includes('\n');
  const blank = habits.airy ? ' ' : '';
  const gap = opensLine ? `${habits.newline}${margin}` : blank;
  const words = added.map(
    ({ key, value }) =>
      `${key === undefined ? '' : `${JSON.stringify(key)}:${blank}`}${flowText(value, isLong ? margin : undefined, habits)}`,
  );
  if (index < ends.length)
    return [{ start: neighbour.start, end: neighbour.start, text: words.map((word) => `${word},${gap}`).join('') }];
  return [{ start: neighbour.end, end: neighbour.end, text: words.map((word) => `,${gap}${word}`).join('') }];
}
