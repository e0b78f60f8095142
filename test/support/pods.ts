// A realistic pod, settings as an operator would give them, and the result of its admission.
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { admitPod, type AdmissionContext, type AdmissionResult } from '../../src/admission/admit.ts';
import { FAMILIAR_PREFIX } from '../../src/annotations/names.ts';
import { admissionContext, NO_CLUSTER, type CachedCluster } from '../../src/cluster/admission-context.ts';
import { readUntrustedYaml } from '../../src/yaml/untrusted.ts';
import { objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { readPod, type Pod } from '../../src/pod/pod.ts';
import { readSettings } from '../../src/settings/read.ts';
import type { Command } from '../../src/settings/table.ts';

export const TOKEN_VOLUME = 'kube-api-access-x7k2p';
export const TOKEN_MOUNT = { name: TOKEN_VOLUME, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };

export interface PodParts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
  /** Kind of the controlling owner. */
  readonly owner?: string;
}

/** A pod as the API server sends it; annotations are named without prefix and ask for injection with a role. */
export function podWith({ annotations = {}, labels = {}, spec = {}, status, owner }: PodParts = {}): JsonObject {
  const asked: Record<string, string> = { 'agent-inject': 'true', role: 'demo', ...annotations };
  const named = Object.entries(asked).map(([name, value]) => [name.includes('/') ? name : `${FAMILIAR_PREFIX}${name}`, value]);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-0',
      namespace: 'shop',
      labels,
      annotations: Object.fromEntries(named) as JsonObject,
      ...(owner === undefined ? {} : { ownerReferences: [{ kind: owner, name: 'web', controller: true }] }),
    },
    spec: {
      serviceAccountName: 'web',
      volumes: [
        { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] } },
      ],
      containers: [{ name: 'web', image: 'registry.example/web:1', volumeMounts: [TOKEN_MOUNT] }],
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

/** The same object as a typed Pod; throws if it is malformed. */
export function typed(object: JsonObject): Pod {
  const reading = readPod(object);
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.pod;
}

export interface Surrounding {
  readonly command?: Command;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cluster?: CachedCluster;
  readonly namespace?: string;
}

export function contextOf({
  command = 'agent-inject',
  flags = [],
  environment = {},
  cluster = NO_CLUSTER,
}: Surrounding = {}): AdmissionContext {
  const reading = readSettings(command, ['-vault-address=https://vault.example:8200', ...flags], environment);
  if (!reading.ok) throw new Error(reading.problems.join('\n'));
  return admissionContext(command, reading.value, cluster, readUntrustedYaml);
}

export interface Result {
  readonly outcome: AdmissionResult;
  /** The pod after the patch. */
  readonly pod: JsonObject;
  readonly codes: readonly string[];
}

/** Admits a pod and applies what comes of it. */
export function admit(pod: JsonObject, surrounding: Surrounding = {}): Result {
  const outcome = admitPod(pod, surrounding.namespace ?? 'shop', contextOf(surrounding));
  const patch = JSON.parse(JSON.stringify(outcome.patch)) as Operation[];
  const after = fastJsonPatch.applyPatch(JSON.parse(JSON.stringify(pod)) as JsonObject, patch, true).newDocument;
  return { outcome, pod: after, codes: [...outcome.problems, ...outcome.warnings].map(({ code }) => code) };
}

/** A container or init container by name; throws when there is none. */
export function containerOf(pod: JsonObject, name: string): JsonObject {
  const spec = objectAt(pod, 'spec');
  const all = [...objectsOf(spec?.['initContainers']), ...objectsOf(spec?.['containers'])];
  const found = all.find((container) => textOf(container, 'name') === name);
  if (!found) throw new Error(`no container ${name} among ${all.map((container) => textOf(container, 'name')).join(', ')}`);
  return found;
}

export function volumeNames(pod: JsonObject): string[] {
  return objectsOf(objectAt(pod, 'spec')?.['volumes']).map((volume) => textOf(volume, 'name') ?? '');
}

export function mountsOf(container: JsonObject): string[] {
  return objectsOf(container['volumeMounts']).map(
    (mount) => `${textOf(mount, 'name')}:${textOf(mount, 'mountPath')}${mount['readOnly'] === true ? ':ro' : ''}`,
  );
}

export function variableOf(container: JsonObject, name: string): string | undefined {
  return textOf(
    objectsOf(container['env']).find((variable) => textOf(variable, 'name') === name),
    'value',
  );
}

interface Config {
  readonly auto_auth: {
    readonly method: { readonly config: Readonly<Record<string, string>>; readonly namespace?: string; readonly type: string };
    readonly sink: readonly Json[];
  };
  readonly template?: readonly { readonly destination: string; readonly contents?: string; readonly source?: string }[];
  readonly vault: Readonly<Record<string, Json>>;
  readonly template_config: Readonly<Record<string, Json>>;
  readonly telemetry?: Readonly<Record<string, Json>>;
}

/** The generated configuration of an agent container. */
export function configOf(pod: JsonObject, name: string): Config {
  return JSON.parse(Buffer.from(variableOf(containerOf(pod, name), 'VAULT_CONFIG') ?? '', 'base64').toString('utf8')) as Config;
}
