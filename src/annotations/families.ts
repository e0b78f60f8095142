// Families: annotations with a NAME at the end, for each secret, parameter of the auth method, or telemetry parameter.
import { containerNames, flag, oneOf, text, type ValueKind } from './value-kinds.ts';
import { FORMATS, ON_CHANGE, type FamilyRow } from './table.ts';

const family = <T>(name: string, kind: ValueKind<T>, sentence: string, example: string): FamilyRow<T> => ({
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
    'Template of the file. It declares a secret even without a path.',
    '{{ with secret "kv/data/web" }}{{ .Data.data.password }}{{ end }}',
  ),
  templateFile: family(
    'agent-inject-template-file',
    text,
    'Template file in the agent container, used without an inline template.',
    '/vault/custom/web.ctmpl',
  ),
  file: family('agent-inject-file', text, 'File name below the secrets directory; default: NAME.', 'config/database.yaml'),
  perms: family('agent-inject-perms', text, 'Mode of the rendered file.', '0440'),
  command: family(
    'agent-inject-command',
    text,
    'Command that the agent runs after it has rendered the file.',
    'pkill -HUP nginx',
  ),
  errorOnMissingKey: family(
    'error-on-missing-key',
    flag,
    'Fail if the template reads a key that the secret does not have.',
    'true',
  ),
  leftDelimiter: family('agent-template-left-delim', text, 'Left delimiter of the template.', '[['),
  rightDelimiter: family('agent-template-right-delim', text, 'Right delimiter of the template.', ']]'),
  volumePath: family('secret-volume-path', text, 'Directory of this file; default: the common one.', '/etc/app'),
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
      'The only containers and init containers that get this file. It needs a directory of its own.',
      'web,migrate',
    ),
    own: true,
  },
  format: {
    ...family(
      'format',
      oneOf(FORMATS),
      'Format of this file, [chosen by its reader](#formats); default: the common one.',
      'dotenv',
    ),
    own: true,
  },
  onChange: {
    ...family('on-change', oneOf(ON_CHANGE), 'What happens when this secret changes; default: the common action.', 'none'),
    own: true,
  },
} as const;

export type Families = typeof families;
export type FamilyKey = keyof Families;

/** Families in the order of matching: the longest name first, so that `template-file-x` is not the template of `file-x`. */
export const FAMILY_ORDER: readonly FamilyKey[] = (Object.keys(families) as FamilyKey[]).sort(
  (one, other) => families[other].name.length - families[one].name.length,
);
