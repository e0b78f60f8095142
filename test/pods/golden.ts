// Reads and writes the golden pods: a folder holds a pod, settings, and the webhook's result.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { Document, isScalar, parse, parseDocument, visit } from 'yaml';
import { createReview, type Review } from '../../src/admission/review.ts';
import { admissionContext } from '../../src/cluster/admission-context.ts';
import { fileCluster, NO_FILES, clusterObjects } from '../../src/cluster/cluster-state.ts';
import { readUntrustedYaml } from '../../src/yaml/untrusted.ts';
import { objectAt, textOf, type Json, type JsonObject } from '../../src/json/json.ts';
import { readSettings } from '../../src/settings/read.ts';
import type { Command } from '../../src/settings/table.ts';

const FOLDER = import.meta.dirname;

/** What a pod author and an operator see of one review. */
export interface Answer {
  readonly decision: string;
  /** Why the pod was injected, skipped or denied. */
  readonly reason: string;
  readonly warnings?: readonly string[];
  /** The problems, as the API server passes them to the author of a denied pod. */
  readonly message?: string;
  /** The pod after the patch; absent when it stays as it is. */
  readonly pod?: JsonObject;
}

/** Names of the golden pods, sorted. */
export function goldenPods(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((name) => statSync(join(FOLDER, name)).isDirectory())
    .toSorted();
}

/** The text of one file of a golden pod. */
export function textIn(name: string, file: string): string {
  return readFileSync(join(FOLDER, name, file), 'utf8');
}

export function podOf(name: string): JsonObject {
  return parse(textIn(name, 'pod.yaml')) as JsonObject;
}

/** The committed expectation; undefined for a folder that has none yet. */
export function expectedOf(name: string): Answer | undefined {
  return existsSync(join(FOLDER, name, 'expected.yaml')) ? readAnswer(textIn(name, 'expected.yaml')) : undefined;
}

export function writeExpected(name: string, answer: Answer): void {
  writeFileSync(join(FOLDER, name, 'expected.yaml'), writeAnswer(answer));
}

/**
 * A review with the settings of a folder: `command` and the flags of that command without their dash. The objects of
 * `cluster.yaml` are the cluster.
 * @throws when a setting or an object cannot be read.
 */
export function createGoldenReview(name: string): Review {
  const { command, ...flags } = parse(textIn(name, 'settings.yaml')) as { command: Command } & Record<string, string>;
  const words = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`);
  const reading = readSettings(command, words, {});
  if (!reading.ok) throw new Error(`test/pods/${name}/settings.yaml: ${reading.problems.join('\n')}`);
  const context = admissionContext(command, reading.value, clusterIn(name), readUntrustedYaml);
  return createReview(() => context, { compat: command === 'agent-inject' });
}

const clusterIn = (name: string): ReturnType<typeof fileCluster> => {
  const file = join(FOLDER, name, 'cluster.yaml');
  if (!existsSync(file)) return NO_FILES;
  const { objects, problems } = clusterObjects({ file, text: readFileSync(file, 'utf8') });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return fileCluster([objects]);
};

interface Response {
  readonly allowed: boolean;
  readonly patch?: string;
  readonly status?: { readonly message: string };
  readonly warnings?: readonly string[];
}

/** Sends a pod through a whole review and applies the patch of the answer. */
export function review(review: Review, pod: JsonObject): Answer {
  const namespace = textOf(objectAt(pod, 'metadata'), 'namespace') ?? 'default';
  const request = { uid: 'golden', kind: { kind: 'Pod' }, operation: 'CREATE', namespace, object: pod };
  const body = Buffer.from(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }));
  const reply = review(body);
  const { response } = JSON.parse(reply.body) as { readonly response: Response };
  const patch = response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'));
  return {
    decision: reply.record?.decision ?? 'error',
    reason: reply.record?.reason ?? '',
    ...(response.warnings ? { warnings: response.warnings } : {}),
    ...(response.status ? { message: response.status.message } : {}),
    ...(patch.length > 0 ? { pod: fastJsonPatch.applyPatch(structuredClone(pod), patch as Operation[], true).newDocument } : {}),
  };
}

const HEAD = '# What the webhook makes of pod.yaml. Written by `make pods UPDATE=1`: read the difference before you commit it.\n';

/** Texts that hold JSON, plain or in base64, are written as what they hold, under one of these tags. */
const TAGS = { '!json': (text: string) => text, '!json-base64': (text: string) => Buffer.from(text).toString('base64') } as const;

/** Longer texts of one line are folded. */
const LONG_TEXT = 100;

/** The object in a text that is exactly its compact JSON; undefined for every other text. */
const jsonIn = (text: string): Json | undefined => {
  if (!/^[{[]/.test(text)) return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
};

const writeAnswer = (answer: Answer): string => {
  const document = new Document(answer, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value !== 'string') return undefined;
      const plain = jsonIn(node.value);
      const held = plain ?? jsonIn(Buffer.from(node.value, 'base64').toString('utf8'));
      if (held === undefined) {
        if (node.value.length > LONG_TEXT && !node.value.includes('\n')) node.type = 'BLOCK_FOLDED';
        return undefined;
      }
      return Object.assign(document.createNode(held), { tag: plain === undefined ? '!json-base64' : '!json' });
    },
  });
  return HEAD + document.toString({ lineWidth: 120 });
};

const readAnswer = (text: string): Answer => {
  const document: Document = parseDocument(text, { logLevel: 'silent' });
  visit(document, {
    Node: (_, node) => {
      const write = TAGS[(node as { tag?: string }).tag as keyof typeof TAGS] as ((text: string) => string) | undefined;
      if (!write || isScalar(node)) return undefined;
      return document.createNode(write(JSON.stringify(node.toJS(document))));
    },
  });
  return document.toJS() as Answer;
};
