// Environment variables that look like settings and are not: misspelt, of another command, or with the prefix of vault-k8s.
import { kebab } from '../annotations/names.ts';
import { nearestWord } from '../annotations/suggest.ts';
import { settingsTable, type Command, type SettingKey, type SettingRow } from './table.ts';

const PREFIXES = { compat: 'AGENT_INJECT_', own: 'VAULT_AUTH_INJECTOR_' } as const;

/** Prefix of the environment variables of a command. */
export function variablePrefix(command: Command): string {
  return command === 'agent-inject' ? PREFIXES.compat : PREFIXES.own;
}

/** Name of the environment variable of a setting for a command. */
export function variableOf(key: SettingKey, command: Command): string {
  return variablePrefix(command) + suffixOf(key);
}

const suffixOf = (key: SettingKey): string =>
  (settingsTable[key] as SettingRow<unknown>).variable ?? kebab(key).replaceAll('-', '_').toUpperCase();

/**
 * What the kubelet sets for each Service of the namespace: a Service vault-auth-injector becomes VAULT_AUTH_INJECTOR_SERVICE_HOST,
 * VAULT_AUTH_INJECTOR_PORT_443_TCP_ADDR and so on.
 */
const OF_A_SERVICE = /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

const OFFLINE: ReadonlySet<Command> = new Set(['inject', 'explain']);

/**
 * One line for each variable that has a prefix of this program and no effect on the command. On a workstation the variables of other
 * commands are not reported: one shell serves them all.
 */
export function unknownVariables(command: Command, environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const prefix = variablePrefix(command);
  const rows = (Object.keys(settingsTable) as SettingKey[]).map((key) => ({ suffix: suffixOf(key), commands: commandsOf(key) }));
  const own = rows.filter(({ commands }) => commands.includes(command)).map(({ suffix }) => suffix);
  return Object.keys(environment)
    .toSorted()
    .flatMap((name) => {
      const given = Object.values(PREFIXES).find((start) => name.startsWith(start));
      if (given === undefined || environment[name] === '' || OF_A_SERVICE.test(name)) return [];
      const suffix = name.slice(given.length);
      if (given !== prefix) {
        if (OFFLINE.has(command)) return [];
        const nearest = own.includes(suffix) ? suffix : nearestWord(suffix, own);
        return [`${name} has no effect on ${command}${nearest === undefined ? '' : `: set ${prefix}${nearest}`}`];
      }
      if (own.includes(suffix)) return [];
      const others = rows.find((row) => row.suffix === suffix)?.commands.filter((other) => variablePrefix(other) === prefix);
      if (others !== undefined && others.length > 0)
        return OFFLINE.has(command) ? [] : [`${name} has no effect on ${command}: it is a setting of ${others.join(', ')}`];
      const nearest = nearestWord(suffix, own);
      return [`${name} is not a setting of ${command}${nearest === undefined ? '' : `; did you mean ${prefix}${nearest}?`}`];
    });
}

const commandsOf = (key: SettingKey): readonly Command[] => (settingsTable[key] as SettingRow<unknown>).commands;
