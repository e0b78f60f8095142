// Owners of files that templates write: names are mapped to the agent's own user, and others that it cannot give files to are problems.
// A template that fails after it has issued a certificate issues another one each time, and leaves its key with open permissions.
import type { Parsed } from '../../annotations/parse.ts';
import type { Draft } from '../draft.ts';
import type { EnvVariable } from '../env-variables.ts';
import type { PodProblem } from '../pod-problems.ts';
import type { Pod } from '../pod.ts';
import type { SecretFile } from '../secrets.ts';
import { templateCalls } from '../template-calls.ts';
import type { Owner } from '../readers.ts';

/** The user of the official images: a template of vault-k8s' documentation names it. */
const IMAGE_NAMES = ['vault', 'openbao'];
const NUMBER = /^[0-9]{1,10}$/;
/** A name that a line of /etc/passwd can have. */
const NAME = /^[A-Za-z_][-A-Za-z0-9_.]{0,31}$/;
/** Commands that resolve names of users or groups. */
const NAMING_COMMAND = /\b(?:chown|chgrp|install)\b/;
const HOME = '/home/vault';
const SHELL = '/sbin/nologin';

/** The texts of /etc/passwd and /etc/group in the agent's containers. */
export interface OwnerFiles {
  readonly passwd: string;
  readonly group: string;
}

export interface Owners {
  /** undefined: the files of the image stay. */
  readonly files: OwnerFiles | undefined;
  readonly problems: readonly PodProblem[];
  readonly warnings: readonly PodProblem[];
}

interface OwnedFile {
  readonly annotation: string;
  readonly path: string;
  readonly user: string;
  readonly group: string;
}

/** Templates of files and of variables: both can write further files. */
const ownedFiles = (
  files: readonly SecretFile[],
  variables: readonly EnvVariable[],
  { families }: Parsed,
): readonly OwnedFile[] =>
  [
    ...files.map((file) => ({ ...file, annotation: families.template.get(file.name)?.annotation ?? file.name })),
    ...variables.map(({ annotation, template }) => ({ annotation, template, leftDelimiter: '{{', rightDelimiter: '}}' })),
  ].flatMap(({ annotation, template, leftDelimiter, rightDelimiter }) => {
    if (!template.includes('writeToFile')) return [];
    return templateCalls(template, leftDelimiter, rightDelimiter)
      .filter((call) => call.name === 'writeToFile')
      .map(({ arguments: [path = '', user = '', group = ''] }) => ({ annotation, path, user, group }));
  });

const isName = (owner: string): boolean => owner !== '' && owner !== 'root' && !NUMBER.test(owner);

/** Groups of the agent's process: the kubelet adds these to every container of the pod. */
const supplementalGroups = ({ spec }: Pod): readonly number[] => [
  ...[spec.securityContext?.fsGroup ?? []].flat(),
  ...(spec.securityContext?.supplementalGroups ?? []),
];

const idOf = (owner: string, own: number): number => (owner === '' || isName(owner) ? own : owner === 'root' ? 0 : Number(owner));

/** Without a capability the agent can give a file only to itself, and to a group that it belongs to: also as root. */
const problemsOf = (file: OwnedFile, pod: Pod, { user, group }: Owner): PodProblem[] => {
  const { annotation, path } = file;
  const groups = new Set([group, ...supplementalGroups(pod)]);
  const common = { code: 'owner-impossible', annotation, path, own: `${user}:${group}` } as const;
  return [
    ...(idOf(file.user, user) === user ? [] : [{ ...common, kind: 'user' as const, owner: file.user }]),
    ...(groups.has(idOf(file.group, group)) ? [] : [{ ...common, kind: 'group' as const, owner: file.group }]),
  ];
};

const filesFor = (names: readonly (readonly [user: string, group: string])[], { user, group }: Owner): OwnerFiles => {
  const usersOf = [...new Set([...IMAGE_NAMES, ...names.map(([name]) => name)])].filter((name) => NAME.test(name));
  const groupsOf = [...new Set([...IMAGE_NAMES, ...names.map(([, name]) => name)])].filter((name) => NAME.test(name));
  const root = user === 0 ? [] : [`root:x:0:0::/root:${SHELL}`];
  return {
    passwd: [...root, ...usersOf.map((name) => `${name}:x:${user}:${group}::${HOME}:${SHELL}`), ''].join('\n'),
    group: [...(group === 0 ? [] : ['root:x:0:']), ...groupsOf.map((name) => `${name}:x:${group}:`), ''].join('\n'),
  };
};

type OwnersInput = Pick<Draft, 'pod' | 'parsed' | 'files' | 'variables'>;

/**
 * Whether the agent can give files to the owners that templates name. `user` is undefined if it is not known: without a security
 * context of the agent, or if the pod author's patch changes it.
 */
export function ownersOf({ pod, parsed, files, variables }: OwnersInput, user: Owner | undefined): Owners {
  if (user === undefined) return { files: undefined, problems: [], warnings: [] };
  const owned = ownedFiles(files, variables, parsed);
  const named = owned.filter((file) => isName(file.user) || isName(file.group));
  const needsNames = named.length > 0 || files.some(({ source, command }) => source !== '' || NAMING_COMMAND.test(command));
  const names = named.map((file) => [isName(file.user) ? file.user : '', isName(file.group) ? file.group : ''] as const);
  return {
    files: needsNames ? filesFor(names, user) : undefined,
    problems: owned.flatMap((file) => problemsOf(file, pod, user)),
    warnings: named.flatMap(({ annotation, path, ...file }) =>
      [...new Set([file.user, file.group])]
        .filter((owner) => isName(owner) && !IMAGE_NAMES.includes(owner))
        .map((owner): PodProblem => ({ code: 'owner-mapped', annotation, path, owner, own: `${user.user}:${user.group}` })),
    ),
  };
}
