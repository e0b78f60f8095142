// What a template or command of vault-k8s' agent can reach, an agent of profile native reaches too, for every recorded pod; the
// exceptions are those that the guide lists.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { resolvedPath } from '../../src/pod/paths.ts';
import { NATIVE_DIFFERENCES } from '../generated/native-differences.ts';
import { admit, type Result } from '../support/pods.ts';
import { objectOf, profiles, reviewCases } from './recorded.ts';

const injectedWith = (object: JsonObject, settings: string, namespace: string, profile: 'compat' | 'native'): Result => {
  const { flags, env } = profiles[settings] ?? { flags: [], env: {} };
  return admit(object, { command: 'agent-inject', flags, environment: { ...env, AGENT_INJECT_PROFILE: profile }, namespace });
};

/** The agent that runs longest: the sidecar, or the init container if there is no other. A patch can rename it, not its home. */
const agentOf = (pod: JsonObject): JsonObject => {
  const spec = objectAt(pod, 'spec');
  const all = [...objectsOf(spec?.['containers']), ...objectsOf(spec?.['initContainers'])];
  const agent = all.find(({ volumeMounts }) => objectsOf(volumeMounts).some(({ mountPath }) => mountPath === '/home/vault'));
  if (!agent) throw new Error('the pod has no agent');
  return agent;
};

/** The configuration, from an annotation or a variable; none if a ConfigMap has it. */
const configOf = (pod: JsonObject, agent: JsonObject): JsonObject => {
  const annotation = textOf(objectAt(objectAt(pod, 'metadata'), 'annotations'), 'vaultauth.dev/agent-config');
  const variable = objectsOf(agent['env']).find(({ name }) => name === 'VAULT_CONFIG');
  const config: unknown = JSON.parse(annotation ?? Buffer.from(textOf(variable, 'value') ?? 'e30=', 'base64').toString('utf8'));
  return isObject(config) ? config : {};
};

const TOKEN_FILES = ['token', 'ca.crt', 'namespace'];

/** Names of the files of a volume, or the object that has them. */
const contentOf = (volume: JsonObject | undefined, isToken: boolean): readonly string[] => {
  const sources = objectsOf(objectAt(volume, 'projected')?.['sources']);
  // The Secret of a token, as in older clusters, or a volume that the recorded pod does not list.
  if (sources.length === 0 && isToken) return TOKEN_FILES;
  if (sources.length === 0) return [textOf(objectAt(volume, 'secret'), 'secretName') ?? JSON.stringify(volume)];
  return sources.flatMap((source) => [
    ...[textOf(objectAt(source, 'serviceAccountToken'), 'path') ?? []].flat(),
    ...(['configMap', 'downwardAPI', 'secret'] as const)
      .flatMap((kind) => objectsOf(objectAt(source, kind)?.['items']))
      .map((item) => textOf(item, 'path') ?? ''),
  ]);
};

const text = (value: Json | undefined): string => JSON.stringify(value ?? null);

/** Everything that a template or command can use in the agent's container, as texts. */
const reachOf = (pod: JsonObject): ReadonlySet<string> => {
  const agent = agentOf(pod);
  const volumes = new Map(objectsOf(objectAt(pod, 'spec')?.['volumes']).map((volume) => [textOf(volume, 'name'), volume]));
  const mounts = objectsOf(agent['volumeMounts']).map((mount) => ({
    path: resolvedPath(textOf(mount, 'mountPath') ?? ''),
    name: textOf(mount, 'name'),
    use: mount['readOnly'] === true ? 'read' : 'write',
  }));
  /** A file by every path that leads to it: a volume can be mounted twice. */
  const pathsOf = (file: string): readonly string[] => {
    const mount = mounts.find(({ path }) => resolvedPath(file).startsWith(path));
    const same = mounts.filter(({ name }) => name === mount?.name);
    return mount ? same.map(({ path }) => path + resolvedPath(file).slice(mount.path.length)) : [resolvedPath(file)];
  };
  const security = objectAt(agent, 'securityContext');
  const config = configOf(pod, agent);
  const login = objectAt(config, 'auto_auth');
  const files = [
    ...objectsOf(login?.['sink']).map((sink) => textOf(objectAt(sink, 'config'), 'path') ?? ''),
    ...objectsOf(config['template']).map((template) => textOf(template, 'destination') ?? ''),
    ...[textOf(config, 'pid_file') ?? []].flat(),
  ];
  return new Set([
    ...objectsOf(agent['env']).map(
      (variable) => `env ${textOf(variable, 'name')}=${text(variable['valueFrom'] ?? variable['value'])}`,
    ),
    ...mounts.flatMap(({ path, name, use }) => {
      const volume = volumes.get(name);
      return volume?.['emptyDir'] === undefined
        ? contentOf(volume, path.includes('serviceaccount')).map((file) => `file ${path}${file}/`)
        : [`${use} ${path}`];
    }),
    ...files.flatMap(pathsOf).map((file) => `file ${file}`),
    ...objectsOf(config['listener']).map((listener) => `listener ${textOf(listener, 'address')}`),
    ...(security?.['readOnlyRootFilesystem'] === true ? [] : ['write /']),
    `user ${text(security?.['runAsUser'])}:${text(security?.['runAsGroup'])}`,
  ]);
};

const cases = reviewCases.flatMap((one) => {
  const object = objectOf(one);
  if (!isObject(object)) return [];
  const compat = injectedWith(object, one.profile, one.namespace, 'compat');
  if (compat.outcome.decision !== 'injected' || compat.outcome.patch.length === 0) return [];
  return [{ id: one.id, compat, native: injectedWith(object, one.profile, one.namespace, 'native') }];
});

/** What the profile native lacks: elements of the reach, or the codes of a denial. */
const missing = ({ compat, native }: (typeof cases)[number]): readonly string[] => {
  if (native.outcome.decision !== 'injected') return native.outcome.problems.map(({ code }) => `denied ${code}`);
  const reach = reachOf(native.pod);
  return [...reachOf(compat.pod)].filter((element) => !reach.has(element));
};

test('recorded pods are injected in both profiles', () => {
  expect(cases.filter(({ native }) => native.outcome.decision === 'injected').length).toBeGreaterThan(150);
});

test.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
  const unexpected = missing(one).filter((element) => !NATIVE_DIFFERENCES.some(({ missing: pattern }) => pattern.test(element)));
  expect(unexpected).toEqual([]);
});

test('every exception is needed', () => {
  const all = cases.flatMap(missing);
  expect(NATIVE_DIFFERENCES.filter(({ missing: pattern }) => !all.some((element) => pattern.test(element)))).toEqual([]);
});
