// The directory of the agent's token in profile native: the token for Vault, and the files that other containers find beside theirs.
import type { Options } from '../../annotations/parse.ts';
import type { NewVolume } from '../add.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { isObject, objectAt, objectsOf, textOf } from '../../json/json.ts';
import type { Pod } from '../pod.ts';
import { projectedToken, SERVICE_ACCOUNT_DIRECTORY, TOKEN_VOLUME } from '../token.ts';
import { resolvedPath } from '../paths.ts';

/** `/var/run` is a link to `/run` in most agent images, but not in images that contain only the agent's program. */
export const TOKEN_DIRECTORIES = [SERVICE_ACCOUNT_DIRECTORY, '/run/secrets/kubernetes.io/serviceaccount'] as const;

/**
 * What the API server's ServiceAccount admission plugin projects beside a token. `optional`: a cluster without a root CA publisher has
 * no such ConfigMap, and the pod must start there too.
 */
const CLUSTER_FILES: readonly JsonObject[] = [
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }], optional: true } },
  { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
];
const RESOLVED_DIRECTORY = resolvedPath(SERVICE_ACCOUNT_DIRECTORY);
const OWN_FILES = new Set(['token', 'ca.crt', 'namespace']);

/** OpenShift's CA for Services. Its admission plugin projects the file into pods; a manifest that is injected offline lacks it. */
const SERVICE_CA_FILE = 'service-ca.crt';
const SERVICE_CA: JsonObject = {
  configMap: { name: 'openshift-service-ca.crt', items: [{ key: SERVICE_CA_FILE, path: SERVICE_CA_FILE }], optional: true },
};

/** Kinds of sources that may be projected beside the token. Other tokens are none: only the token for Vault belongs to the agent. */
const KINDS = ['configMap', 'downwardAPI', 'secret'] as const;

/** Paths of a source; a source without items has unknown paths, which could replace the token. */
const pathsOf = (source: JsonObject): readonly string[] => {
  const bundle = textOf(objectAt(source, 'clusterTrustBundle'), 'path');
  const items = KINDS.flatMap((kind) => objectsOf(objectAt(source, kind)?.['items'])).map((item) => textOf(item, 'path') ?? '');
  return bundle === undefined ? items : [...items, bundle];
};

const isExtra = (source: JsonObject): boolean => {
  const paths = pathsOf(source);
  return paths.length > 0 && source['serviceAccountToken'] === undefined && paths.every((path) => !OWN_FILES.has(path));
};

const sourcesOf = (volume: Json | undefined): readonly JsonObject[] =>
  objectsOf(objectAt(isObject(volume) ? volume : undefined, 'projected')?.['sources']);

/**
 * Further sources of the volume that app containers mount at the default path. An agent of an earlier injection keeps those of its
 * own volume: the pod may have been injected offline, where the API server had not added them yet.
 */
const extraSources = ({ spec }: Pod): readonly JsonObject[] => {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name ?? '', volume as Json]));
  const present = volumes.get(TOKEN_VOLUME);
  if (present !== undefined) return sourcesOf(present).filter(isExtra);
  const mounts = (spec.containers ?? []).flatMap(({ volumeMounts }) => volumeMounts ?? []);
  const names = mounts.filter(({ mountPath }) => resolvedPath(mountPath ?? '') === RESOLVED_DIRECTORY);
  return names.slice(0, 1).flatMap(({ name }) => sourcesOf(volumes.get(name ?? '')).filter(isExtra));
};

/** The volume of the agent's token. `mentions` returns whether an annotation of the pod contains a text. */
export function agentTokenVolume(pod: Pod, options: Options, mentions: (text: string) => boolean): NewVolume {
  const token = projectedToken(options);
  const extra = extraSources(pod);
  const lacksServiceCa = !extra.some((source) => pathsOf(source).includes(SERVICE_CA_FILE)) && mentions(SERVICE_CA_FILE);
  const sources = [...sourcesOf(token), ...CLUSTER_FILES, ...extra, ...(lacksServiceCa ? [SERVICE_CA] : [])];
  return { ...token, projected: { ...objectAt(token, 'projected'), sources } };
}
