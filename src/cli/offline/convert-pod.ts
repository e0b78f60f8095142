// A pod with values and annotations of bank-vaults → the same pod with annotations of this product, and what has no equivalent.
import { posix } from 'node:path';
import { annotationName, familyName } from '../../annotations/names.ts';
import { flag } from '../../annotations/value-kinds.ts';
import { isObject, objectAt, objectsOf, textMap, textOf, type JsonObject } from '../../json/json.ts';
import { bankVaultsSource, isBankVaultsValue, type BankVaultsSource, type Transit } from '../../pod/bank-vaults.ts';
import { isMeshContainer } from '../../pod/mesh.ts';
import type { Container } from '../../pod/pod.ts';
import { printYaml } from '../../yaml/documents.ts';
import { bankVaultsAnnotations, bankVaultsName, type BankVaultsAnnotation } from './bank-vaults-annotations.ts';

/** Code of all findings, and the name of the product on the command line. */
export const BANK_VAULTS = 'bank-vaults';

/** `error`: the app would start without a secret. `note`: nothing is to be done. */
export interface ConversionFinding {
  readonly level: 'error' | 'warning' | 'note';
  readonly sentence: string;
  /** Empty: nothing is to be done. */
  readonly remedy: string;
}

export interface Conversion {
  /** The same object if the pod has nothing of bank-vaults. */
  readonly pod: JsonObject;
  readonly findings: readonly ConversionFinding[];
  /** Names of the variables that are annotations now. */
  readonly variables: readonly string[];
  /** Values of ConfigMaps and Secrets of the manifests that became variables, as `ConfigMap/name/key`. */
  readonly used: ReadonlySet<string>;
}

/** Values of a ConfigMap or Secret of the pod's namespace by key, decoded; undefined if the manifests do not have it. */
export type DataOf = (kind: 'ConfigMap' | 'Secret', name: string) => ReadonlyMap<string, string> | undefined;

/** A variable of one container that bank-vaults would replace. */
interface Reference {
  readonly name: string;
  readonly value: string;
  readonly container: string;
}

interface Variable {
  readonly name: string;
  readonly source: BankVaultsSource;
  readonly containers: readonly string[];
}

const LISTS = ['initContainers', 'containers'] as const;
const OPTED_OUT = 'skip';

/** Converts one pod, or the template of one. */
export function convertPod(pod: JsonObject, dataOf: DataOf): Conversion {
  const metadata = objectAt(pod, 'metadata');
  const present = textMap(metadata?.['annotations']);
  const annotations = bankVaultsAnnotations(present);
  const references: Reference[] = [];
  const unread = new Set<string>();
  const used = new Set<string>();
  const transit = transitOf(annotations);
  const meanings = new Map<string, string>();
  const isConvertible = (name: string, value: string): boolean => {
    const first = meanings.get(name) ?? value;
    meanings.set(name, first);
    return first === value && bankVaultsSource(value, transit).kind !== 'none';
  };
  const spec = withoutReferences(objectAt(pod, 'spec') ?? {}, dataOf, { references, unread, used, isConvertible });
  const isUnchanged = (findings: readonly ConversionFinding[] = []): Conversion => ({
    pod,
    findings,
    variables: [],
    used: new Set(),
  });
  if (references.length === 0 && annotations.size === 0) return isUnchanged();
  const skipped = [...present, ...textMap(metadata?.['labels'])].find(
    ([name, value]) => bankVaultsName(name) === 'mutate' && value === OPTED_OUT,
  );
  if (skipped)
    return isUnchanged([
      {
        level: 'warning',
        sentence: `${skipped[0]} is "skip", so bank-vaults leaves the pod alone`,
        remedy: 'remove it, and the pod is converted',
      },
    ]);
  const findings: ConversionFinding[] = [...unread].map((name) => ({
    level: 'warning',
    sentence: `${name} is not among the manifests, and its values are not seen`,
    remedy: 'name its file too if it has values for bank-vaults',
  }));
  const variables = variablesOf(references, transit, findings);
  const isOptional = flag.read(annotations.get('vault-ignore-missing-secrets')?.value ?? '') === true;
  if (isOptional && variables.some(({ source }) => source.kind === 'template'))
    findings.push({
      level: 'warning',
      sentence: 'variables from templates cannot be optional',
      remedy: 'let Vault have their secrets before the pod starts',
    });
  const own = new Map([
    [annotationName('agentInject'), 'true'],
    ...(annotations.has('vault-role') || present.has(annotationName('role'))
      ? []
      : [[annotationName('role'), textOf(spec, 'serviceAccountName') || 'default'] as const]),
    ...equivalents(annotations, findings),
    ...variableAnnotations(variables, namesOf(spec), isOptional, findings),
  ]);
  for (const [name, value] of own) {
    const other = present.get(name);
    if (other !== undefined && other !== value)
      findings.push({
        level: 'error',
        sentence: `${name} is set already, and would become ${JSON.stringify(value)}`,
        remedy: 'remove it, and convert the pod again',
      });
  }
  const missing = new Set(
    [...annotations.values()].flatMap(({ annotation, equivalent }) => ('missing' in equivalent ? [annotation] : [])),
  );
  const kept = [...present].filter(([name]) => bankVaultsName(name) === undefined || missing.has(name));
  return {
    pod: { ...pod, metadata: { ...metadata, annotations: Object.fromEntries([...kept, ...own]) }, spec },
    findings,
    variables: variables.map(({ name }) => name),
    used,
  };
}

interface Found {
  readonly references: Reference[];
  readonly unread: Set<string>;
  readonly used: Set<string>;
  /** Otherwise the entry stays, so that a second conversion reports it too. */
  readonly isConvertible: (name: string, value: string) => boolean;
}

/** The specification without the entries of `env` that are references; they go to `found`. */
const withoutReferences = (spec: JsonObject, dataOf: DataOf, found: Found): JsonObject => {
  const changed: Record<string, JsonObject[keyof JsonObject]> = {};
  for (const list of LISTS) {
    const containers = spec[list];
    if (!Array.isArray(containers)) continue;
    let isChanged = false;
    const after = containers.map((container: JsonObject) => {
      const kept = isObject(container) ? keptEntries(container, dataOf, found) : undefined;
      if (!kept || kept.length === objectsOf(container['env']).length) return container;
      isChanged = true;
      const { env: _, ...others } = container;
      return kept.length === 0 ? others : { ...container, env: kept };
    });
    if (isChanged) changed[list] = after;
  }
  return { ...spec, ...changed };
};

const keptEntries = (
  container: JsonObject,
  dataOf: DataOf,
  { references, unread, used, isConvertible }: Found,
): readonly JsonObject[] => {
  const name = textOf(container, 'name') ?? '';
  const entries = objectsOf(container['env']);
  const named = new Set(entries.map((entry) => textOf(entry, 'name')));
  const read = (kind: 'ConfigMap' | 'Secret', object: JsonObject | undefined): ReadonlyMap<string, string> => {
    const objectName = textOf(object, 'name') ?? '';
    const data = dataOf(kind, objectName);
    if (!data) unread.add(`${kind} ${objectName}`);
    return data ?? new Map();
  };
  const add = (variable: string, value: string, source?: string): void => {
    references.push({ name: variable, value, container: name });
    if (source !== undefined) used.add(source);
  };
  for (const source of objectsOf(container['envFrom'])) {
    const prefix = textOf(source, 'prefix') ?? '';
    for (const [kind, field] of [
      ['ConfigMap', 'configMapRef'],
      ['Secret', 'secretRef'],
    ] as const) {
      const reference = objectAt(source, field);
      if (!reference) continue;
      for (const [key, value] of read(kind, reference))
        if (isBankVaultsValue(value) && !named.has(prefix + key))
          add(prefix + key, value, `${kind}/${textOf(reference, 'name') ?? ''}/${key}`);
    }
  }
  return entries.filter((entry) => {
    const variable = textOf(entry, 'name') ?? '';
    const value = textOf(entry, 'value') ?? '';
    if (isBankVaultsValue(value)) {
      add(variable, value);
      return !isConvertible(variable, value);
    }
    const from = objectAt(entry, 'valueFrom');
    for (const [kind, field] of [
      ['ConfigMap', 'configMapKeyRef'],
      ['Secret', 'secretKeyRef'],
    ] as const) {
      const reference = objectAt(from, field);
      const key = textOf(reference, 'key') ?? '';
      const text = reference && read(kind, reference).get(key);
      if (text === undefined || !isBankVaultsValue(text)) continue;
      add(variable, text, `${kind}/${textOf(reference, 'name') ?? ''}/${key}`);
      return !isConvertible(variable, text);
    }
    return true;
  });
};

const transitOf = (annotations: ReadonlyMap<string, BankVaultsAnnotation>): Transit => ({
  key: annotations.get('transit-key-id')?.value ?? '',
  mount: annotations.get('transit-path')?.value || 'transit',
});

/** One variable for each name; two containers must mean the same by it. */
const variablesOf = (references: readonly Reference[], transit: Transit, findings: ConversionFinding[]): readonly Variable[] => {
  const variables = new Map<string, Variable & { readonly value: string }>();
  for (const { name, value, container } of references) {
    const other = variables.get(name);
    if (other && other.value !== value) {
      findings.push({
        level: 'error',
        sentence: `containers ${JSON.stringify(other.containers[0])} and ${JSON.stringify(container)} set ${name} to different secrets, and a pod has one variable of a name`,
        remedy: 'rename one of them',
      });
      continue;
    }
    const containers = [...new Set([...(other?.containers ?? []), container])];
    const source = other?.source ?? bankVaultsSource(value, transit);
    if (!other && source.kind === 'none')
      findings.push({
        level: 'error',
        sentence: `container ${JSON.stringify(container)} sets ${name} to ${JSON.stringify(value)}; ${source.because}`,
        remedy: source.instead,
      });
    variables.set(name, { name, value, source, containers });
  }
  return [...variables.values()].filter(({ source }) => source.kind !== 'none');
};

/** Annotations that replace those of bank-vaults. */
const equivalents = (
  annotations: ReadonlyMap<string, BankVaultsAnnotation>,
  findings: ConversionFinding[],
): readonly (readonly [string, string])[] =>
  [...annotations.values()].flatMap(({ annotation, value, equivalent }) => {
    if ('missing' in equivalent)
      findings.push({
        level: 'error',
        sentence: `${annotation}: ${JSON.stringify(value)} has no equivalent`,
        remedy: equivalent.missing,
      });
    else if ('unneeded' in equivalent)
      findings.push({ level: 'note', sentence: `${annotation} is left out: ${equivalent.unneeded}`, remedy: '' });
    else if (equivalent.note !== undefined)
      findings.push({ level: 'warning', sentence: `${annotation} is ${JSON.stringify(value)}`, remedy: equivalent.note });
    return 'set' in equivalent ? equivalent.set.map(([key, text]) => [annotationName(key), text] as const) : [];
  });

/** Names of all containers that could get variables. */
const namesOf = (spec: JsonObject): readonly string[] =>
  LISTS.flatMap((list) => objectsOf(spec[list]))
    .filter((container) => !isMeshContainer(container as Container))
    .map((container) => textOf(container, 'name') ?? '');

const keyOf = (names: readonly string[]): string => [...names].sort().join();

/**
 * Annotations of the variables. Containers get the variables that they had: all of them, those of env-containers, or, if they differ, those
 * of an entry of the list.
 */
const variableAnnotations = (
  variables: readonly Variable[],
  all: readonly string[],
  isOptional: boolean,
  findings: ConversionFinding[],
): readonly (readonly [string, string])[] => {
  const sets = new Set(variables.map(({ containers }) => keyOf(containers)));
  const isUniform = sets.size < 2;
  const annotations: (readonly [string, string])[] = [];
  const listed: Variable[] = [];
  const templated: Variable[] = [];
  for (const variable of variables) {
    const { name, source } = variable;
    const isName = /^[A-Za-z0-9._-]*[A-Za-z0-9]$/.test(name) && `env-template-${name}`.length <= MAX_NAME;
    if (source.kind === 'template') {
      templated.push(variable);
      if (isName) annotations.push([familyName('envTemplate', name), source.template]);
      else
        findings.push({
          level: 'error',
          sentence: `${name} cannot be part of the name of an annotation`,
          remedy: 'rename the variable',
        });
    } else if (source.kind === 'key') {
      if (isUniform && isName)
        annotations.push([familyName('env', name), `${source.path}#${source.key}${isOptional ? '?' : ''}`]);
      else listed.push(variable);
    }
  }
  const limited = isUniform ? variables : templated;
  const union = all.filter((name) => limited.some(({ containers }) => containers.includes(name)));
  if (limited.length > 0 && keyOf(union) !== keyOf(all)) annotations.unshift([annotationName('envContainers'), union.join(',')]);
  for (const { name, containers } of limited)
    if (keyOf(containers) !== keyOf(union)) {
      const others = union.filter((each) => !containers.includes(each));
      findings.push({
        level: 'warning',
        sentence: `${name} is a template, and becomes a variable of ${others.join(' and ')} too`,
        remedy: 'let an app without it ignore it, or give it a key instead of a template',
      });
    }
  if (listed.length > 0) annotations.push([annotationName('secrets'), listOf(listed, isUniform, isOptional)]);
  return annotations;
};

/** The API server allows no longer names. */
const MAX_NAME = 63;

const listOf = (variables: readonly Variable[], isUniform: boolean, isOptional: boolean): string => {
  const entries = new Map<string, { path: string; containers: readonly string[]; env: Record<string, string> }>();
  for (const { name, source, containers } of variables) {
    if (source.kind !== 'key') continue;
    const key = `${source.path}\n${keyOf(containers)}`;
    const entry = entries.get(key) ?? { path: source.path, containers, env: {} };
    entry.env[name] = `${source.key}${isOptional ? '?' : ''}`;
    entries.set(key, entry);
  }
  const names = new Set<string>();
  return printYaml(
    [...entries.values()].map(({ path, containers, env }) => ({
      name: entryName(path, names),
      path,
      ...(isUniform ? {} : { containers }),
      env,
    })),
  );
};

/** The last part of the path, with a number if another entry has it. */
const entryName = (path: string, names: Set<string>): string => {
  const last = posix
    .basename(path.split('?', 1)[0] ?? '')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const base = last.slice(0, 50) || 'secret';
  let name = base;
  for (let count = 2; names.has(name); count += 1) name = `${base}-${count}`;
  names.add(name);
  return name;
};

/** What `explain` reports of a pod: how it would be converted, and what would not be. Objects that are not there count as empty. */
export function bankVaultsFindings(pod: JsonObject, dataOf: DataOf): readonly ConversionFinding[] {
  const { pod: after, findings, variables } = convertPod(pod, (kind, name) => dataOf(kind, name) ?? new Map());
  const found = variables.length === 0 ? 'annotations' : `annotations or values (${variables.join(', ')})`;
  const summary: ConversionFinding = {
    level: 'warning',
    sentence: `the pod has ${found} of bank-vaults, which only its webhook reads`,
    remedy: `inject -convert ${BANK_VAULTS} prints the manifest with annotations of this product`,
  };
  return [...(after === pod ? [] : [summary]), ...findings.filter(({ level }) => level !== 'note')];
}
