// Families: annotations with a NAME at the end, for each secret, parameter of the auth method, or telemetry parameter.
import { fileMode, fileName, mountDirectory, secretPath, templateFilePath } from './path-kinds.ts';
import type { FamilyRow } from './row.ts';
import { FORMATS, ON_CHANGE } from './table.ts';
import { commandLine, containerNames, delimiter, optional, parameter, template } from './text-kinds.ts';
import { secretKey } from './secret-key.ts';
import { flag, oneOf, type ValueKind } from './value-kinds.ts';

const family = <T>(
  name: string,
  kind: ValueKind<T>,
  sentence: string,
  example: string,
  details: Pick<FamilyRow<T>, 'empty' | 'anyText' | 'own'> = {},
): FamilyRow<T> => ({ name, kind, sentence, example, ...details });

export const families = {
  secret: family(
    'agent-inject-secret',
    optional(secretPath),
    'Path in Vault of the secret NAME, rendered to the file NAME.',
    'kv/data/web',
  ),
  template: family(
    'agent-inject-template',
    template,
    'Template of the file. It declares a secret even without a path.',
    '{{ with secret "kv/data/web" }}{{ .Data.data.password }}{{ end }}',
  ),
  templateFile: family(
    'agent-inject-template-file',
    templateFilePath,
    'Template file in the agent container, used without an inline template.',
    '/vault/custom/web.ctmpl',
    { empty: 'unset' },
  ),
  file: family('agent-inject-file', fileName, 'File name below the secrets directory; default: NAME.', 'config/database.yaml', {
    empty: 'unset',
  }),
  perms: family('agent-inject-perms', fileMode, 'Mode of the rendered file.', '0440', { empty: 'unset' }),
  command: family(
    'agent-inject-command',
    commandLine,
    'Command that the agent runs after it has rendered the file.',
    'pkill -HUP nginx',
  ),
  errorOnMissingKey: family(
    'error-on-missing-key',
    flag,
    'Fail if the template reads a key that the secret does not have.',
    'true',
  ),
  leftDelimiter: family('agent-template-left-delim', delimiter, 'Left delimiter of the template.', '[[', { empty: 'unset' }),
  rightDelimiter: family('agent-template-right-delim', delimiter, 'Right delimiter of the template.', ']]', { empty: 'unset' }),
  volumePath: family('secret-volume-path', mountDirectory, 'Directory of this file; default: the common one.', '/etc/app', {
    empty: 'unset-warn',
  }),
  preserveCase: family('preserve-secret-case', flag, 'Keep the case of this NAME in the file name.', 'true'),
  authConfig: family(
    'auth-config',
    parameter,
    'Parameter NAME of the auth method (dashes become underscores).',
    '/var/run/secrets/vault/token',
  ),
  telemetry: family(
    'agent-telemetry',
    parameter,
    "Parameter NAME of the agent's telemetry (dashes become underscores), as JSON or text.",
    '30s',
  ),
  containers: family(
    'secret-containers',
    containerNames,
    'The only containers and init containers that get this file. It needs a directory of its own.',
    'web,migrate',
    { own: true },
  ),
  format: family(
    'format',
    oneOf(FORMATS),
    'Format of this file, [chosen by its reader](#formats); default: the common one.',
    'dotenv',
    {
      own: true,
      empty: 'unset-warn',
    },
  ),
  onChange: family('on-change', oneOf(ON_CHANGE), 'What happens when this secret changes; default: the common action.', 'none', {
    own: true,
    empty: 'unset-warn',
  }),
  env: family(
    'env',
    secretKey,
    'Environment variable NAME from a key of a secret; `?` makes it optional, `?text` sets a default (profile native, Kubernetes 1.35).',
    'kv/data/web#password',
    { own: true },
  ),
  envTemplate: family(
    'env-template',
    template,
    'Environment variable NAME from a template (profile native, Kubernetes 1.35).',
    'postgres://{{ with secret "kv/data/web" }}{{ .Data.data.password }}{{ end }}@db/shop',
    { own: true },
  ),
} as const;

export type Families = typeof families;
export type FamilyKey = keyof Families;

/** Families in the order of matching: the longest name first, so that `template-file-x` is not the template of `file-x`. */
export const FAMILY_ORDER: readonly FamilyKey[] = (Object.keys(families) as FamilyKey[]).sort(
  (one, other) => families[other].name.length - families[one].name.length,
);
