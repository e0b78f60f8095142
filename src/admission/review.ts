// AdmissionReview in, AdmissionReview out: the only place that knows its shape (admission.k8s.io/v1, and v1beta1 for old callers).
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../json/json.ts';
import { admitPod, type AdmissionContext, type Outcome } from './admit.ts';
import type { Judgement } from './roles/judge.ts';
import { denialOf, warningsOf } from './message.ts';

/** What is logged and counted of one review; chosen words, nothing of the pod's contents. */
export interface ReviewRecord {
  readonly uid: string;
  readonly namespace: string;
  /** Name, or generateName with a star. */
  readonly name: string;
  /** Kind and name of the controlling owner, such as ReplicaSet/web-7d9c5; empty without one. */
  readonly owner: string;
  readonly decision: Outcome['decision'] | 'error';
  readonly reason: string;
  /** Codes of problems and warnings. */
  readonly codes: readonly string[];
  readonly injectionType?: Outcome['kind'] | undefined;
  readonly dryRun: boolean;
  /** What became of what is amiss with the pod's role; absent or empty where nothing is. */
  readonly judgements?: readonly Judgement[] | undefined;
}

export interface Reply {
  readonly status: 200 | 400 | 500;
  /** A JSON document, or one line of text when the status is not 200. */
  readonly body: string;
  readonly record: ReviewRecord | undefined;
}

export type Reviewer = (body: Buffer) => Reply;

export interface ReviewerOptions {
  /** vault-k8s answers 500 to what is no JSON object, and takes a review without version for one of v1. */
  readonly compat: boolean;
}

const VERSIONS = new Set(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']);
const DEFAULT_VERSION = 'admission.k8s.io/v1';
const KIND = 'AdmissionReview';
/** HTTP 403: what the API server passes on as the status of a refused pod. */
const FORBIDDEN = 403;

const parse = (body: Buffer): Json | undefined => {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
};

const ownerOf = (pod: JsonObject | undefined): string => {
  const owner = objectsOf(objectAt(pod, 'metadata')?.['ownerReferences']).find((reference) => reference['controller'] === true);
  return owner ? `${textOf(owner, 'kind') ?? ''}/${textOf(owner, 'name') ?? ''}` : '';
};

const nameOf = (request: JsonObject, pod: JsonObject | undefined): string => {
  const metadata = objectAt(pod, 'metadata');
  const name = textOf(metadata, 'name') ?? textOf(request, 'name') ?? '';
  return name === '' ? `${textOf(metadata, 'generateName') ?? ''}*` : name;
};

const NO_CODES: readonly string[] = [];

const codesOf = ({ problems, warnings }: Outcome): readonly string[] =>
  problems.length + warnings.length === 0 ? NO_CODES : [...new Set([...problems, ...warnings].map(({ code }) => code))];

const recordOf = (request: JsonObject, outcome: Outcome): ReviewRecord => {
  const pod = objectAt(request, 'object');
  return {
    uid: textOf(request, 'uid') ?? '',
    namespace: textOf(request, 'namespace') ?? '',
    name: nameOf(request, pod),
    owner: ownerOf(pod),
    decision: outcome.decision,
    reason: outcome.reason,
    codes: codesOf(outcome),
    injectionType: outcome.kind,
    dryRun: request['dryRun'] === true,
    judgements: outcome.judgements,
  };
};

/**
 * The answer as text. It is put together here because a patch in base64 is most of it, and needs no second look for
 * characters to escape.
 */
const answerOf = (apiVersion: string, uid: string, outcome: Outcome): string => {
  const warnings = outcome.warnings.length === 0 ? NO_CODES : warningsOf(outcome.warnings);
  const allowed = outcome.decision !== 'denied';
  let response = `"uid":${JSON.stringify(uid)},"allowed":${allowed}`;
  if (!allowed) {
    const status = { metadata: {}, code: FORBIDDEN, reason: 'Forbidden', message: denialOf(outcome.problems) };
    response += `,"status":${JSON.stringify(status)}`;
  }
  if (outcome.patch.length > 0) response += `,"patchType":"JSONPatch","patch":"${base64(JSON.stringify(outcome.patch))}"`;
  if (warnings.length > 0) response += `,"warnings":${JSON.stringify(warnings)}`;
  return `{"apiVersion":"${apiVersion}","kind":"${KIND}","response":{${response}}}`;
};

/** Most patches fit; one buffer for all of them spares each its own, which has to be collected again. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);
/** Of UTF-8, for one unit of a text in JavaScript. */
const MOST_BYTES = 3;

const base64 = (text: string): string => {
  if (text.length * MOST_BYTES > SCRATCH.length) return Buffer.from(text, 'utf8').toString('base64');
  return SCRATCH.toString('base64', 0, SCRATCH.write(text, 'utf8'));
};

const refuse = (status: 400 | 500, sentence: string): Reply => ({ status, body: sentence, record: undefined });

const leftAlone = (reason: Outcome['reason']): Outcome => ({
  decision: 'skipped',
  reason,
  patch: [],
  problems: [],
  warnings: [],
});

/** A registration that is too wide must do no harm: only the creation of pods concerns us. vault-k8s looks at neither. */
const notForUs = (request: JsonObject): Outcome | undefined => {
  const kind = textOf(objectAt(request, 'kind'), 'kind');
  if (kind !== undefined && kind !== 'Pod') return leftAlone('not-a-pod');
  const operation = textOf(request, 'operation');
  return operation === undefined || operation === 'CREATE' ? undefined : leftAlone('not-created');
};

/** A reviewer over one context. It never throws for what a caller sends. */
export function reviewer(context: () => AdmissionContext, { compat }: ReviewerOptions): Reviewer {
  return (body) => {
    const review = parse(body);
    if (!isObject(review))
      return refuse(compat ? 500 : 400, 'error decoding admission request: expected an AdmissionReview as a JSON object');
    const { apiVersion, kind } = review;
    const isUntyped = compat && apiVersion === undefined && kind === undefined;
    if (!isUntyped && (kind !== KIND || typeof apiVersion !== 'string' || !VERSIONS.has(apiVersion)))
      return refuse(400, `expected kind ${KIND} of apiVersion ${[...VERSIONS].join(' or ')}`);
    const request = review['request'];
    if (!isObject(request)) return refuse(400, 'the AdmissionReview has no request');
    const uid = request['uid'];
    if (typeof uid !== 'string') return refuse(400, 'the request of the AdmissionReview has no uid');
    const outcome =
      (compat ? undefined : notForUs(request)) ?? admitPod(request['object'], textOf(request, 'namespace') ?? '', context());
    const version = typeof apiVersion === 'string' ? apiVersion : DEFAULT_VERSION;
    return { status: 200, body: answerOf(version, uid, outcome), record: recordOf(request, outcome) };
  };
}
