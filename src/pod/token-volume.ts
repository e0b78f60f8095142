// The service account token that the API server mounts into every pod and that a manifest does not have yet. A copy of the pod gets
// it before injection, as the ServiceAccount admission plugin adds it before webhooks run. The result loses it again: in the
// cluster, the plugin adds it under a random name to every container, the agents included.
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import { SERVICE_ACCOUNT_DIRECTORY } from './token.ts';

/** Name of the plugin's volume; five random characters follow. */
const VOLUME_PREFIX = 'kube-api-access-';
const SIMULATED_VOLUME = `${VOLUME_PREFIX}later`;
/** Lifetime of the plugin's token: TokenVolumeSource in kubernetes/kubernetes, plugin/pkg/admission/serviceaccount. */
const TOKEN_SECONDS = 3607;

const LISTS = ['initContainers', 'containers'] as const;

export interface PodWithToken {
  /** The pod as webhooks receive it. */
  readonly pod: JsonObject;
  /** Removes the added volume and mounts from the injected pod. */
  readonly restore: (injected: JsonObject) => JsonObject;
}

/**
 * The pod with volume and mounts of the plugin. `accountAutomounts` is automountServiceAccountToken of its service account; the
 * field of the pod takes precedence. `isOpenShift`: the namespace has OpenShift's ranges.
 */
export function withTokenVolume(pod: JsonObject, accountAutomounts: boolean | undefined, isOpenShift = false): PodWithToken {
  const spec = objectAt(pod, 'spec') ?? {};
  // Objects of the API server always have both; patches rely on it.
  const whole = { ...pod, metadata: objectAt(pod, 'metadata') ?? {}, spec };
  const own = spec['automountServiceAccountToken'];
  const automounts = typeof own === 'boolean' ? own : (accountAutomounts ?? true);
  if (!automounts || !isWellFormed(spec)) return { pod: whole, restore: (injected) => injected };
  const present = objectsOf(spec['volumes']).find((volume) => textOf(volume, 'name')?.startsWith(VOLUME_PREFIX));
  const volume = textOf(present, 'name') ?? SIMULATED_VOLUME;
  const mounted = Object.fromEntries(
    LISTS.filter((list) => Array.isArray(spec[list])).map((list) => [
      list,
      objectsOf(spec[list]).map((container) => withMount(container, volume)),
    ]),
  );
  const volumes = present ? {} : { volumes: [...objectsOf(spec['volumes']), tokenVolume(volume, isOpenShift)] };
  return {
    pod: { ...whole, spec: { ...spec, ...mounted, ...volumes } },
    restore: (injected) => withoutTokenVolume(injected, spec, volume),
  };
}

/** A malformed pod is not changed: admission reports its problems. */
const isWellFormed = (spec: JsonObject): boolean =>
  [...LISTS, 'volumes'].every(
    (key) =>
      spec[key] === undefined || spec[key] === null || objectsOf(spec[key]).length === (spec[key] as { length?: number }).length,
  ) &&
  LISTS.every((key) =>
    objectsOf(spec[key]).every(
      ({ volumeMounts }) => volumeMounts === undefined || volumeMounts === null || Array.isArray(volumeMounts),
    ),
  );

const hasMount = (container: JsonObject): boolean =>
  objectsOf(container['volumeMounts']).some((mount) => textOf(mount, 'mountPath') === SERVICE_ACCOUNT_DIRECTORY);

const mountsOf = (container: JsonObject | undefined): readonly Json[] =>
  Array.isArray(container?.['volumeMounts']) ? container['volumeMounts'] : [];

const withMount = (container: JsonObject, volume: string): JsonObject =>
  hasMount(container)
    ? container
    : {
        ...container,
        volumeMounts: [...mountsOf(container), { name: volume, readOnly: true, mountPath: SERVICE_ACCOUNT_DIRECTORY }],
      };

/** OpenShift's plugin adds the CA of its Services. */
const SERVICE_CA: JsonObject = {
  configMap: { name: 'openshift-service-ca.crt', items: [{ key: 'service-ca.crt', path: 'service-ca.crt' }] },
};

const tokenVolume = (name: string, isOpenShift: boolean): JsonObject => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ...(isOpenShift ? [SERVICE_CA] : []),
    ],
  },
});

const withoutTokenVolume = (injected: JsonObject, original: JsonObject, volume: string): JsonObject => {
  const spec = objectAt(injected, 'spec') ?? {};
  const kept = Object.fromEntries(
    LISTS.filter((list) => Array.isArray(spec[list])).map((list) => {
      const before = new Map(objectsOf(original[list]).map((container) => [textOf(container, 'name'), container]));
      return [
        list,
        objectsOf(spec[list]).map((container) => withoutMount(container, before.get(textOf(container, 'name')), volume)),
      ];
    }),
  );
  const wasThere = objectsOf(original['volumes']).some((one) => textOf(one, 'name') === volume);
  const volumes = wasThere ? spec['volumes'] : objectsOf(spec['volumes']).filter((one) => textOf(one, 'name') !== volume);
  return { ...injected, spec: withoutEmpty({ ...spec, ...kept, volumes }, original, 'volumes') };
};

/** Mounts of the manifest stay; added ones go, those of agents too. */
const withoutMount = (container: JsonObject, original: JsonObject | undefined, volume: string): JsonObject => {
  if (original && hasMount(original)) return container;
  const mounts = mountsOf(container).filter(
    (mount) => !(isObject(mount) && mount['name'] === volume && mount['mountPath'] === SERVICE_ACCOUNT_DIRECTORY),
  );
  return withoutEmpty({ ...container, volumeMounts: mounts }, original, 'volumeMounts');
};

/** Drops a list that is empty now and that the manifest did not have, or had as null. */
const withoutEmpty = (object: JsonObject, original: JsonObject | undefined, key: string): JsonObject => {
  const list = object[key];
  if (Array.isArray(list) ? list.length > 0 : list !== undefined) return object;
  const { [key]: _, ...rest } = object;
  return original && Object.hasOwn(original, key) ? { ...rest, [key]: original[key] } : rest;
};
