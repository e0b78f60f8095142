// Annotations that come once per NAME: a secret, a key of the login's configuration, a key of the agent's telemetry.
import { containerNames, flag, oneOf, text, type Kind } from './kind.ts';
import { FORMATS } from './own.ts';
import type { FamilyRow } from './row.ts';

const family = <T>(name: string, kind: Kind<T>, sentence: string, example: string): FamilyRow<T> => ({
  name,
  kind,
  sentence,
  example,
});

export const families = {
  secret: family('agent-inject-secret', text, 'Path in Vault of the secret NAME, rendered to the file NAME.', 'kv/data/web'),
  template: family(
    'agent-inject-template',
    text,
    'Template of the file; alone it declares a secret too.',
    '{{ with secret "kv/data/web" }}{{ .Data.data.password }}{{ end }}',
  ),
  templateFile: family(
    'agent-inject-template-file',
    text,
    'File in the agent with the template; used when there is no inline one.',
    '/vault/custom/web.ctmpl',
  ),
  file: family('agent-inject-file', text, 'File name below the secrets directory, in place of NAME.', 'config/database.yaml'),
  perms: family('agent-inject-perms', text, 'Mode of the rendered file.', '0440'),
  command: family('agent-inject-command', text, 'Command that the agent runs after it rendered the file.', 'pkill -HUP nginx'),
  errorOnMissingKey: family(
    'error-on-missing-key',
    flag,
    'Fail when the template reads a key that the secret does not have.',
    'true',
  ),
  leftDelimiter: family('agent-template-left-delim', text, 'Left delimiter of the template.', '[['),
  rightDelimiter: family('agent-template-right-delim', text, 'Right delimiter of the template.', ']]'),
  volumePath: family('secret-volume-path', text, 'Directory of this one file, in place of the common one.', '/etc/app'),
  preserveCase: family('preserve-secret-case', flag, 'Keep the case of this NAME in the file name.', 'true'),
  authConfig: family(
    'auth-config',
    text,
    'Parameter NAME of the auth method (dashes become underscores).',
    '/var/run/secrets/vault/token',
  ),
  telemetry: family(
    'agent-telemetry',
    text,
    "Parameter NAME of the agent's telemetry (dashes become underscores), as JSON or text.",
    '30s',
  ),
  containers: {
    ...family(
      'secret-containers',
      containerNames,
      'Containers, init containers too, that alone get this one file; it needs a directory of its own.',
      'web,migrate',
    ),
    own: true,
  },
  format: { ...family('format', oneOf(FORMATS), 'Format of this one file, in place of the common one.', 'dotenv'), own: true },
} as const;

export type Families = typeof families;
export type FamilyKey = keyof Families;

/** Families in the order in which a name is tried: the longest first, so that template-file- is not taken for template-. */
export const FAMILY_ORDER: readonly FamilyKey[] = (Object.keys(families) as FamilyKey[]).sort(
  (one, other) => families[other].name.length - families[one].name.length,
);
