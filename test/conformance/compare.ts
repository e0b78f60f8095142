// Holds one answer against the recording and its intended differences. Where the register says "fix", the alternative counts;
// a recording passes too, so that every subset of the alternatives is tried.
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { parseQuantity } from '../../src/annotations/quantity.ts';
import { isObject, objectAt, objectsOf, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { leavesOf, withDecodedConfig, withNamedVolumes, type Leaf, type Leaves } from './normal-form.ts';
import { objectOf, podOf, type Expectation, type Quirk, type ReviewCase } from './recorded.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Actual {
  readonly status: number;
  readonly response: JsonObject | undefined;
  readonly envelope: JsonObject;
  readonly pod: JsonObject | undefined;
}

const parseJson = (body: string): Json | undefined => {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return undefined;
  }
};

const actualOf = (answer: Answer, object: Json | undefined): Actual => {
  const review = parseJson(answer.body);
  const response = isObject(review) ? objectAt(review, 'response') : undefined;
  if (!isObject(review) || !response) return { status: answer.status, response: undefined, envelope: {}, pod: undefined };
  const patch = textOf(response, 'patch');
  let pod: JsonObject | undefined;
  if (patch !== undefined) {
    const operations = JSON.parse(Buffer.from(patch, 'base64').toString('utf8')) as Operation[];
    pod = withDecodedConfig(fastJsonPatch.applyPatch(structuredClone(object), operations, true).newDocument as JsonObject);
  }
  return { status: answer.status, response, envelope: { apiVersion: review['apiVersion'], kind: review['kind'] }, pod };
};

interface View {
  readonly status: number | null;
  readonly allowed: Json | undefined;
  readonly uid: Json | undefined;
  readonly envelope: JsonObject | undefined;
  readonly pod: JsonObject | undefined;
}

const leavesOfView = ({ status, allowed, uid, envelope, pod }: View, renumber: boolean): Leaves => {
  const document: { [key: string]: Json } = { http: { status, dropped: status === null } };
  if (allowed !== undefined) Object.assign(document, { allowed, uid: uid ?? '', patched: pod !== undefined, envelope });
  if (pod) document['pod'] = renumber ? withNamedVolumes(pod) : pod;
  return leavesOf(document);
};

const ANY = Symbol('any');
type Wanted = Map<string, Leaf | RegExp | typeof ANY>;

const withAlternatives = (leaves: Leaves, quirks: readonly Quirk[]): Wanted => {
  const wanted: Wanted = new Map(leaves);
  for (const { path, value, any, absent, matches } of quirks.flatMap((quirk) => quirk.accept ?? [])) {
    if (any) {
      wanted.set(path, ANY);
      continue;
    }
    for (const key of wanted.keys()) if (key === path || key.startsWith(`${path}/`)) wanted.delete(key);
    if (matches !== undefined) wanted.set(path, new RegExp(matches));
    else if (!absent && value !== undefined) for (const [key, leaf] of leavesOf(value, path)) wanted.set(key, leaf);
  }
  return wanted;
};

const isQuantity = /\/resources\/(?:limits|requests)\//;

const agrees = (path: string, want: Leaf | RegExp | typeof ANY | undefined, got: Leaf | undefined): boolean => {
  if (want === ANY || want === got) return true;
  if (want instanceof RegExp) return want.test(String(got));
  return isQuantity.test(path) && parseQuantity(String(want)) === parseQuantity(String(got));
};

const differences = (wanted: Wanted, got: Leaves, unstable: ReadonlySet<string>): string[] =>
  [...new Set([...wanted.keys(), ...got.keys()])]
    .filter((path) => !unstable.has(path) && !agrees(path, wanted.get(path), got.get(path)))
    .map((path) => `${path}: wanted ${String(wanted.get(path))}, got ${String(got.get(path))}`);

const wholeDifferences = (whole: NonNullable<Quirk['whole']>, actual: Actual): string[] => {
  const found: string[] = [];
  const check = (name: string, want: boolean | number | undefined, got: unknown): void => {
    if (want !== undefined && want !== got) found.push(`${name}: wanted ${String(want)}, got ${String(got)}`);
  };
  check('status', whole.status, actual.status);
  check('allowed', whole.allowed, actual.response?.['allowed']);
  check('patched', whole.patched, actual.pod !== undefined);
  for (const list of whole.uniqueNames ? ['containers', 'initContainers', 'volumes'] : []) {
    const names = objectsOf(objectAt(actual.pod, 'spec')?.[list]).map((member) => textOf(member, 'name'));
    if (!actual.pod || new Set(names).size !== names.length) found.push(`${list}: names are not unique: ${names.join(' ')}`);
  }
  const message = textOf(objectAt(actual.response, 'status'), 'message') ?? '';
  if (whole.message !== undefined && !new RegExp(whole.message, 'i').test(message)) found.push(`message: ${message}`);
  return found;
};

const subsets = <T>(members: readonly T[]): T[][] =>
  members.reduce<T[][]>((sets, member) => sets.concat(sets.map((set) => [...set, member])), [[]]).toReversed();

const tryOne = (one: ReviewCase, actual: Actual, quirks: readonly Quirk[]): string[] => {
  const whole = quirks.find((quirk) => quirk.whole)?.whole;
  if (whole) return wholeDifferences(whole, actual);
  const asIf = quirks.find((quirk) => quirk.asIf !== undefined);
  const expectation: Expectation = (asIf && one.alternatives?.[asIf.id]) ?? one.expect;
  const renumber = quirks.some((quirk) => quirk.renumber);
  const object = objectOf(one);
  const want: View = {
    status: expectation.status,
    allowed: expectation.allowed,
    uid: expectation.uid,
    envelope: expectation.envelope,
    pod: object === undefined ? undefined : podOf(expectation, object),
  };
  const got: View = { ...actual, allowed: actual.response?.['allowed'], uid: actual.response?.['uid'] };
  const unstable = new Set((one.unstable ?? []).filter((path) => path.startsWith('/pod/')));
  const found = differences(withAlternatives(leavesOfView(want, renumber), quirks), leavesOfView(got, renumber), unstable);
  const message = textOf(objectAt(actual.response, 'status'), 'message') ?? '';
  if (
    one.message !== undefined &&
    actual.response?.['allowed'] === false &&
    !message.toLowerCase().includes(one.message.toLowerCase())
  )
    found.push(`message: wanted "${one.message}" in "${message}"`);
  return found;
};

/** The differences that no combination of intended ones explains; empty when the case passes. */
export function judge(one: ReviewCase, answer: Answer): readonly string[] {
  const actual = actualOf(answer, objectOf(one));
  let best: string[] | undefined;
  for (const quirks of subsets(one.quirks)) {
    const found = tryOne(one, actual, quirks);
    if (!best || found.length < best.length) best = found;
    if (best.length === 0) break;
  }
  return best ?? [];
}
