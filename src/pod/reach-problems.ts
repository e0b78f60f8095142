// Problems of what the agent can reach: paths, owners of files, and directories that would hide its own.
import { annotationName, familyName } from '../annotations/names.ts';
import { defineProblem, quote } from '../annotations/problem.ts';

export const reachProblems = {
  'owner-impossible': defineProblem<{
    annotation: string;
    path: string;
    kind: 'user' | 'group';
    owner: string;
    /** User and group of the agent, such as 2000:3000. */
    own: string;
  }>({
    severity: 'problem',
    title: 'The agent cannot give a file to this owner',
    sentence: ({ annotation, path, kind, owner, own }) =>
      `${annotation}: writeToFile gives ${quote(path)} to ${kind} ${quote(owner)}, and the agent runs as ${own}, ` +
      `which cannot give files to another ${kind}: the template would fail each time`,
    remedy: ({ kind, owner }) =>
      `use "" or "vault", which is the agent's own ${kind}` +
      (owner === 'root' || owner === '0'
        ? ''
        : kind === 'user'
          ? `, or set ${annotationName('agentRunAsUser')} to ${quote(owner)}`
          : `, or add ${owner} to securityContext.supplementalGroups of the pod`),
    sample: {
      annotation: familyName('template', 'edge.pem'),
      path: '/vault/secrets/edge.key',
      kind: 'user',
      owner: '1000',
      own: '2000:3000',
    },
  }),
  'owner-mapped': defineProblem<{ annotation: string; path: string; owner: string; own: string }>({
    severity: 'warning',
    title: "Owner of a file mapped to the agent's user",
    sentence: ({ annotation, path, owner, own }) =>
      `${annotation}: writeToFile gives ${quote(path)} to ${quote(owner)}, which the agent images do not have: ` +
      `it belongs to ${own}, the user and group of the agent`,
    remedy: () => `use "vault", or "" for the agent's own user and group`,
    sample: { annotation: familyName('template', 'edge.pem'), path: '/vault/secrets/edge.key', owner: 'app', own: '2000:3000' },
  }),
  'path-unmounted': defineProblem<{
    annotation: string;
    path: string;
    /** A container of the pod that mounts it. */
    container: string | undefined;
    /** `login`: a parameter of the login of an agent that has a token of its own. */
    use: 'file' | 'command' | 'login';
  }>({
    severity: 'warning',
    title: 'Path that no volume of the agent holds',
    sentence: ({ annotation, path, container }) =>
      `${annotation}: no volume of the agent holds ${quote(path)}` +
      (container === undefined ? '' : `, only container ${quote(container)} mounts it`),
    remedy: ({ path, container, use }) => {
      if (use === 'login')
        return `remove it: the agent has a token of its own, whose audience is ${annotationName('tokenAudience')}`;
      if (path.startsWith('/vault/tls/')) return `set ${annotationName('tlsSecret')} to the name of a Secret with this file`;
      if (path.startsWith('/vault/custom/'))
        return `set ${annotationName('agentExtraSecret')} to the name of a Secret with this file`;
      // Copied mounts leave out every path of a service account.
      if (container !== undefined && !/serviceaccount/i.test(path))
        return `set ${annotationName('agentCopyVolumeMounts')} to ${quote(container)}`;
      if (use === 'command')
        return `use a file of a volume of the agent, such as the secrets or /home/vault; ignore this if the agent image contains it`;
      return `put the file into a Secret that ${annotationName('agentExtraSecret')} mounts at /vault/custom; ignore this if the agent image contains it`;
    },
    sample: {
      annotation: familyName('templateFile', 'web.conf'),
      path: '/opt/templates/web.conf',
      container: 'web',
      use: 'file',
    },
  }),
  'path-unwritable': defineProblem<{ annotation: string; path: string; directory: string }>({
    severity: 'problem',
    title: 'Path that the agent cannot write to',
    sentence: ({ annotation, path }) =>
      `${annotation}: writeToFile cannot write ${quote(path)}: no writable volume of the agent holds it, and its root file system is read-only`,
    remedy: ({ directory }) =>
      `write below ${directory} or /home/vault, or declare a secret whose ${annotationName('secretVolumePath')}-NAME is the directory`,
    sample: { annotation: familyName('template', 'edge.pem'), path: '/etc/edge/edge.key', directory: '/vault/secrets' },
  }),
  'directory-hides': defineProblem<{ annotation: string; path: string; hidden: 'programs' | 'certificates' }>({
    severity: 'problem',
    title: 'Directory that hides what the agent needs',
    sentence: ({ annotation, path, hidden }) =>
      `${annotation}: a volume at ${quote(path)} hides ` +
      (hidden === 'programs' ? 'programs and files of the system' : 'the CA certificates of the image') +
      ' from the agent and from each container that gets it',
    remedy: ({ hidden }) =>
      hidden === 'programs'
        ? 'use a directory that only this volume needs, such as /vault/secrets'
        : `use a directory of its own, such as /vault/secrets; an agent with ${annotationName('caCert')} needs no CA of its image, and its pod is injected`,
    sample: { annotation: annotationName('secretVolumePath'), path: '/etc/ssl/certs', hidden: 'certificates' },
  }),
  'directory-read-only': defineProblem<{ annotation: string; path: string }>({
    severity: 'warning',
    title: 'Read-only secrets where programs write',
    sentence: ({ annotation, path }) =>
      `${annotation}: the secrets are read-only, and so is ${quote(path)} in each container that gets them`,
    remedy: () => `use another directory, or set ${annotationName('secretsReadOnly')} to "false"`,
    sample: { annotation: annotationName('secretVolumePath'), path: '/tmp' },
  }),
  'file-is-directory': defineProblem<{ annotation: string; path: string; other: string }>({
    severity: 'problem',
    title: 'File in the place of a directory',
    sentence: ({ annotation, path, other }) =>
      `${annotation}: ${quote(path)} is a directory of ${other}, so the agent cannot write the file`,
    remedy: () => `choose another file name`,
    sample: { annotation: familyName('file', 'web'), path: '/vault/secrets/a', other: familyName('volumePath', 'a') },
  }),
  'secrets-writable': defineProblem<{ container: string; path: string; outer: string }>({
    severity: 'warning',
    title: 'Secrets that are writable because of a mount inside of them',
    sentence: ({ container, path, outer }) =>
      `the secrets at ${quote(outer)} are writable for the app, because container ${quote(container)} mounts a volume inside of them ` +
      `(${quote(path)})`,
    remedy: () => `accept it with ${annotationName('secretsReadOnly')}: "false", or move the secrets`,
    sample: { container: 'web', path: '/vault/secrets/static', outer: '/vault/secrets' },
  }),
  'mount-nested': defineProblem<{ container: string; path: string; outer: string }>({
    severity: 'problem',
    title: 'Mount inside of the read-only secrets',
    sentence: ({ container, path, outer }) =>
      `container ${quote(container)} mounts a volume at ${quote(path)}, inside of the read-only secrets at ${quote(outer)}, ` +
      'which have no such directory: the container cannot start',
    remedy: () =>
      `move the secrets with ${annotationName('secretVolumePath')}, or set ${annotationName('secretsReadOnly')} to "false"`,
    sample: { container: 'web', path: '/app/data', outer: '/app' },
  }),
};
