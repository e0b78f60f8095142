// What a row of the settings table is, and how one is written.
import type { Kind } from '../annotations/kind.ts';
import type { OptionKey } from '../annotations/table.ts';

export type Command = 'webhook' | 'agent-inject' | 'controller' | 'inject' | 'explain';

export interface SettingRow<T> {
  readonly kind: Kind<T>;
  readonly sentence: string;
  readonly commands: readonly Command[];
  /** As text, so that it is read like what a user writes; absent: the setting has no value unless it is set. */
  readonly default?: string;
  /** Defaults that differ between commands. */
  readonly defaults?: Partial<Record<Command, string>>;
  /** Name of the flag; undefined: only by environment. The key in kebab case unless given. */
  readonly flag?: string | undefined;
  /** Suffix of the environment variable, where it is not the flag's name in capitals. */
  readonly variable?: string;
  /** The annotation whose default for all pods this is. */
  readonly option?: OptionKey;
}

type More = Omit<SettingRow<unknown>, 'kind' | 'sentence' | 'commands'>;

/** A row; `more` keeps its literal types, so that a row with a default has a value for certain. */
export function row<T, const Known extends More = {}>(
  commands: readonly Command[],
  kind: Kind<T>,
  sentence: string,
  more?: Known,
): SettingRow<T> & Known {
  return { kind, sentence, commands, ...more } as SettingRow<T> & Known;
}
