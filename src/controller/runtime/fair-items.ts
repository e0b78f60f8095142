// Ready items in turns by group, so that the many items of one namespace do not delay those of others.

export interface FairItems {
  readonly add: (item: string) => void;
  /** False: it was not there. */
  readonly delete: (item: string) => boolean;
  /** The first item of the group whose turn it is, among the groups that `mayRun` accepts. */
  readonly take: (mayRun: (group: string) => boolean) => string | undefined;
  readonly size: () => number;
}

/** No items. Those of a group come in the order in which they were added. */
export function fairItems(groupOf: (item: string) => string): FairItems {
  const groups = new Map<string, Set<string>>();
  let size = 0;
  const remove = (group: string, items: Set<string>, item: string): void => {
    items.delete(item);
    size -= 1;
    if (items.size === 0) groups.delete(group);
  };
  return {
    add: (item) => {
      const group = groupOf(item);
      const items = groups.get(group) ?? new Set();
      groups.set(group, items);
      if (items.has(item)) return;
      items.add(item);
      size += 1;
    },
    delete: (item) => {
      const group = groupOf(item);
      const items = groups.get(group);
      if (!items?.has(item)) return false;
      remove(group, items, item);
      return true;
    },
    take: (mayRun) => {
      for (const [group, items] of groups) {
        if (!mayRun(group)) continue;
        const [item] = items;
        if (item === undefined) continue;
        // The group moves to the end.
        groups.delete(group);
        groups.set(group, items);
        remove(group, items, item);
        return item;
      }
      return undefined;
    },
    size: () => size,
  };
}
