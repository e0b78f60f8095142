// AdmissionReview in, AdmissionReview out (admission.k8s.io/v1, and v1beta1 for old callers).
import { isObject, objectAt, textOf, type Json, type JsonObject } from '../json/json.ts';
import { controllerOf, type OwnerReference, podHeader } from '../pod/pod.ts';
import { admitPod, type AdmissionContext, type AdmissionResult, type MissingObject } from './admit.ts';
import { denialOf, warningsOf } from './problems.ts';
import type { RoleProblemEffect } from './roles/modes.ts';
import { judgeWorkload } from './judge-workload.ts';

/** What the log and the metrics get of one review: chosen fields, never the contents of the pod. */
export interface ReviewRecord {
  readonly uid: string;
  readonly namespace: string;
  /** Name, or generateName with a star. */
  readonly name: string;
  /** Kind and name of the controlling owner, such as ReplicaSet/web-7d9c5; empty without one. */
  readonly owner: string;
  /** `judged`: a workload, which is always admitted. */
  readonly decision: AdmissionResult['decision'] | 'judged' | 'error';
  /** Of a workload; absent for pods. */
  readonly kind?: string | undefined;
  readonly reason: string;
  /** Codes of problems and warnings. */
  readonly codes: readonly string[];
  readonly injectionType?: AdmissionResult['injectionType'] | undefined;
  readonly dryRun: boolean;
  /** What each problem of the pod's role led to. */
  readonly roleProblems?: readonly RoleProblemEffect[] | undefined;
}

/** For an Event on the owner of a pod: a controller that creates a pod shows the warnings of the API server to no user. */
export interface PodReport {
  readonly namespace: string;
  readonly owner: OwnerReference;
  readonly denied: boolean;
  readonly note: string;
}

export interface Reply {
  readonly status: 200 | 400 | 500;
  /** A JSON document, or one line of text when the status is not 200. */
  readonly body: string;
  readonly record: ReviewRecord | undefined;
  /** Review again once these are in the cache. */
  readonly needs?: readonly MissingObject[];
  /** The problems of a pod that a controller creates; absent where there are none. Computed only if it is called. */
  readonly report?: () => PodReport | undefined;
}

export type Review = (body: Buffer) => Reply;

export interface ReviewOptions {
  /** As vault-k8s: 500 for a body that is not a JSON object, and a review without apiVersion and kind counts as v1. */
  readonly compat: boolean;
}

const VERSIONS = new Set(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']);
const DEFAULT_VERSION = 'admission.k8s.io/v1';
const KIND = 'AdmissionReview';
/** The HTTP status that the API server returns to the client of a denied pod. */
const FORBIDDEN = 403;

const parse = (body: Buffer): Json | undefined => {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
};

const codesOf = ({ problems, warnings }: AdmissionResult): readonly string[] => [
  ...new Set([...problems, ...warnings].map(({ code }) => code)),
];

const recordOf = (request: JsonObject, result: AdmissionResult): ReviewRecord => {
  const { name, generateName, owner } = podHeader(objectAt(request, 'object') ?? {});
  return {
    uid: textOf(request, 'uid') ?? '',
    namespace: textOf(request, 'namespace') ?? '',
    name: name || textOf(request, 'name') || `${generateName}*`,
    owner,
    decision: result.decision,
    reason: result.reason,
    codes: codesOf(result),
    injectionType: result.injectionType,
    dryRun: request['dryRun'] === true,
    roleProblems: result.roleProblems,
  };
};

const reportOf = (request: JsonObject, { decision, problems, warnings }: AdmissionResult): PodReport | undefined => {
  const owner = controllerOf(request['object']);
  if (!owner || request['dryRun'] === true) return undefined;
  const denied = decision === 'denied';
  return {
    namespace: textOf(request, 'namespace') ?? '',
    owner,
    denied,
    note: denied ? denialOf(problems) : warningsOf(warnings).join('; '),
  };
};

const answerOf = (apiVersion: string, uid: string, result: AdmissionResult): string => {
  const allowed = result.decision !== 'denied';
  const warnings = warningsOf(result.warnings);
  const response = {
    uid,
    allowed,
    ...(allowed ? {} : { status: { metadata: {}, code: FORBIDDEN, reason: 'Forbidden', message: denialOf(result.problems) } }),
    ...(result.patch.length > 0 ? { patchType: 'JSONPatch', patch: base64(JSON.stringify(result.patch)) } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
  return JSON.stringify({ apiVersion, kind: KIND, response });
};

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const badRequest = (status: 400 | 500, sentence: string): Reply => ({ status, body: sentence, record: undefined });

const skipped = (reason: AdmissionResult['reason']): AdmissionResult => ({
  decision: 'skipped',
  reason,
  patch: [],
  problems: [],
  warnings: [],
  needs: [],
});

/** A webhook configuration with too wide rules must not deny updates or other kinds. vault-k8s checks neither. */
const skipUnlessPodCreation = (request: JsonObject): AdmissionResult | undefined => {
  const kind = textOf(objectAt(request, 'kind'), 'kind');
  if (kind !== undefined && kind !== 'Pod') return skipped('not-a-pod');
  const operation = textOf(request, 'operation');
  return operation === undefined || operation === 'CREATE' ? undefined : skipped('not-created');
};

/**
 * The chart of vault-k8s sends updates too. A pod that exists cannot get containers: with a patch, the API server would refuse a new
 * label of a pending pod (Q47). The API server gives each pod its phase when it creates it.
 */
const skipExistingPod = (request: JsonObject): AdmissionResult | undefined => {
  if (textOf(request, 'operation') !== 'UPDATE') return undefined;
  const object = objectAt(request, 'object');
  const isCreated = textOf(objectAt(object, 'status'), 'phase') || textOf(objectAt(object, 'spec'), 'nodeName');
  return isCreated ? skipped('not-created') : undefined;
};

interface ReviewRequest {
  readonly version: string;
  readonly uid: string;
  readonly request: JsonObject;
}

const requestOf = (body: Buffer, compat: boolean): ReviewRequest | Reply => {
  const review = parse(body);
  if (!isObject(review))
    return badRequest(compat ? 500 : 400, 'error decoding admission request: expected an AdmissionReview as a JSON object');
  const { apiVersion, kind } = review;
  const isUntyped = compat && apiVersion === undefined && kind === undefined;
  if (!isUntyped && (kind !== KIND || typeof apiVersion !== 'string' || !VERSIONS.has(apiVersion)))
    return badRequest(400, `expected kind ${KIND} of apiVersion ${[...VERSIONS].join(' or ')}`);
  const request = review['request'];
  if (!isObject(request)) return badRequest(400, 'the AdmissionReview has no request');
  const uid = request['uid'];
  if (typeof uid !== 'string') return badRequest(400, 'the request of the AdmissionReview has no uid');
  return { version: typeof apiVersion === 'string' ? apiVersion : DEFAULT_VERSION, uid, request };
};

/** Returns the function that reviews the body of one request. The function never throws, whatever the body contains. */
export function createReview(context: () => AdmissionContext, { compat }: ReviewOptions): Review {
  return (body) => {
    const read = requestOf(body, compat);
    if ('status' in read) return read;
    const { version, uid, request } = read;
    const result =
      (compat ? skipExistingPod(request) : skipUnlessPodCreation(request)) ??
      admitPod(request['object'], textOf(request, 'namespace') ?? '', context());
    const reply = {
      status: 200,
      body: answerOf(version, uid, result),
      record: recordOf(request, result),
      needs: result.needs,
    } as const;
    const isSilent = result.decision !== 'denied' && result.warnings.length === 0;
    return isSilent ? reply : { ...reply, report: () => reportOf(request, result) };
  };
}

/**
 * Returns the function that reviews workloads, such as Deployments: whatever the pods of their template would get, the workload is
 * admitted, and the author gets the pods' problems as warnings. Warnings about a pod reach only the controller that creates it.
 */
export function createWorkloadReview(context: () => AdmissionContext): Review {
  return (body) => {
    const read = requestOf(body, false);
    if ('status' in read) return read;
    const { version, uid, request } = read;
    const result = judgeWorkload(request, context());
    const kind = textOf(objectAt(request, 'kind'), 'kind');
    const record: ReviewRecord = { ...recordOf(request, result), decision: 'judged', kind };
    return { status: 200, body: answerOf(version, uid, result), record, needs: result.needs };
  };
}
