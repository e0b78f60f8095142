// The recorded cases: what was asked, what vault-k8s 1.7.6 answered, and which intended differences may take its place.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import type { Json, JsonObject } from '../../src/json/json.ts';
import { isObject } from '../../src/json/json.ts';

/** An intended difference from the recording, by its id in the register of quirks. */
export interface Quirk {
  readonly id: string;
  /** Leaves that take the place of recorded ones. */
  readonly accept?: readonly {
    readonly path: string;
    readonly value?: Json;
    readonly any?: boolean;
    readonly absent?: boolean;
    readonly matches?: string;
  }[];
  /** The whole outcome is another one. */
  readonly whole?: {
    readonly status?: number;
    readonly allowed?: boolean;
    readonly patched?: boolean;
    readonly uniqueNames?: boolean;
    readonly message?: string;
  };
  /** The outcome is the one recorded for a changed request. */
  readonly asIf?: Json;
  readonly renumber?: boolean;
}

/** An outcome; `changes` lead from the pod of the request to the answered one. */
export interface Expectation {
  readonly status: number | null;
  readonly dropped?: boolean;
  readonly allowed?: boolean;
  readonly uid?: string;
  readonly envelope?: JsonObject;
  readonly changes?: readonly Operation[];
}

export interface ReviewCase {
  readonly id: string;
  readonly shape?: string;
  readonly object?: Json;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly operation: string;
  readonly profile: string;
  readonly request?: JsonObject;
  readonly review?: JsonObject;
  readonly http?: {
    readonly method?: string;
    readonly path?: string;
    readonly body?: string;
    readonly bodyBytes?: number;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** Words that a denial must hold. */
  readonly message?: string;
  readonly quirks: readonly Quirk[];
  readonly unstable?: readonly string[];
  readonly expect: Expectation;
  readonly alternatives?: Readonly<Record<string, Expectation>>;
}

export interface StartupCase {
  readonly id: string;
  readonly startup: Profile;
  readonly expect: { readonly serving: boolean; readonly exitCode: number | null };
}

export interface Profile {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const read = (name: string): unknown => JSON.parse(readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8'));

const all = read('cases.json') as readonly (ReviewCase | StartupCase)[];
export const profiles = read('profiles.json') as Readonly<Record<string, Profile>>;
const shapes = read('shapes.json') as Readonly<Record<string, JsonObject>>;

export const startupCases = all.filter((one): one is StartupCase => 'startup' in one);
export const reviewCases = all.filter((one): one is ReviewCase => !('startup' in one));

/** The object of the request. */
export function objectOf(one: ReviewCase): Json | undefined {
  if (one.shape === undefined) return one.object;
  const pod = structuredClone(shapes[one.shape]) as { metadata?: { annotations?: Record<string, string> | null } };
  if (Object.keys(one.annotations ?? {}).length > 0) {
    pod.metadata ??= {};
    pod.metadata.annotations = { ...pod.metadata.annotations, ...one.annotations };
  }
  return pod;
}

/** The pod of an expectation, with its configuration decoded. */
export function podOf(expectation: Expectation, object: Json): JsonObject | undefined {
  if (!expectation.changes) return undefined;
  const start = structuredClone(object);
  const pod: unknown = fastJsonPatch.applyPatch(start, structuredClone(expectation.changes), true).newDocument;
  return isObject(pod) ? pod : undefined;
}

const UID = '6f1d2c3b-0000-4000-8000-000000000001';

/** The HTTP request of a case. */
export function requestOf(one: ReviewCase): {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  const pod = { group: '', version: 'v1', kind: 'Pod' };
  const pods = { group: '', version: 'v1', resource: 'pods' };
  const padding = one.http?.bodyBytes === undefined ? {} : { pad: 'x'.repeat(one.http.bodyBytes) };
  const object = objectOf(one) as { metadata?: { name?: string; annotations?: object } } | undefined;
  if (object && one.http?.bodyBytes !== undefined)
    object.metadata = { ...object.metadata, annotations: { ...object.metadata?.annotations, ...padding } };
  const request = {
    uid: UID,
    kind: pod,
    resource: pods,
    requestKind: pod,
    requestResource: pods,
    name: object?.metadata?.name ?? '',
    namespace: one.namespace,
    operation: one.operation,
    userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
    object,
    oldObject: one.operation === 'UPDATE' ? object : null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    ...one.request,
  };
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request, ...one.review };
  return {
    method: one.http?.method ?? 'POST',
    path: one.http?.path ?? '/mutate',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, */*',
      'user-agent': 'kube-apiserver-admission',
      ...one.http?.headers,
    },
    body: one.http?.body ?? JSON.stringify(review),
  };
}
