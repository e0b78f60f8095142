// Manifests for bank-vaults → the same manifests with annotations of this product (inject -convert bank-vaults).
import { isObject, objectAt, textMap, textOf, type Json, type JsonObject } from '../../json/json.ts';
import { isBankVaultsValue } from '../../pod/bank-vaults.ts';
import { lineOfPath, type Path, type YamlDocument } from '../../yaml/documents.ts';
import { withValueAt } from '../../yaml/edit.ts';
import { BANK_VAULTS, convertPod, type ConversionFinding, type DataOf } from './convert-pod.ts';
import { titleOf, type Workload } from './workload.ts';

/** A document and the pods in it. */
interface DocumentPods {
  readonly document: YamlDocument;
  readonly workloads: readonly Workload[];
}

export interface ConvertedManifests {
  /** The value of each document, in the order given. */
  readonly values: readonly Json[];
  /** Findings as lines that editors can jump to, in the order of the manifests. */
  readonly lines: readonly string[];
  readonly hasErrors: boolean;
  /** Titles of the workloads that changed, by document. */
  readonly titles: readonly (readonly string[])[];
}

/** Converts the pods of all documents. ConfigMaps and Secrets are read from the same manifests, and stay as they are. */
export function convertManifests(documents: readonly DocumentPods[], namespace: string): ConvertedManifests {
  const objects = otherObjects(documents, namespace);
  const lines: string[] = [];
  const used = new Set<string>();
  let hasErrors = false;
  const report = (document: YamlDocument, path: Path, title: string, finding: ConversionFinding): void => {
    const { level, sentence, remedy } = finding;
    if (level === 'error') hasErrors = true;
    const text = remedy === '' ? sentence : `${sentence}: ${remedy}`;
    lines.push(`${document.source.file}:${lineOfPath(document, path)}: ${title}: ${level} [${BANK_VAULTS}]: ${text}`);
  };
  const titles: string[][] = [];
  const values = documents.map(({ document, workloads }) => {
    let { value } = document;
    const changed: string[] = [];
    for (const workload of workloads) {
      const conversion = convertPod(workload.pod, dataIn(objects, workload.namespace));
      for (const key of conversion.used) used.add(`${workload.namespace}/${key}`);
      for (const finding of conversion.findings) report(document, workload.path, titleOf(workload), finding);
      if (conversion.pod === workload.pod) continue;
      value = withValueAt(value, workload.path, conversion.pod);
      changed.push(titleOf(workload));
    }
    titles.push(changed);
    return value;
  });
  for (const { document, path, kind, namespace: own, name, values: texts } of objects) {
    const references = [...texts].filter(([, value]) => refersToVault(value)).map(([key]) => key);
    const isUsed = (key: string): boolean => used.has(`${own}/${kind}/${name}/${key}`);
    const title = `${kind} ${own}/${name}`;
    const [variables, others] = [references.filter(isUsed), references.filter((key) => !isUsed(key))];
    if (variables.length > 0)
      report(document, path, title, {
        level: 'warning',
        sentence: `${variables.join(', ')}: variables of pods override these values now`,
        remedy: 'remove them',
      });
    if (others.length > 0)
      report(document, path, title, {
        level: 'error',
        sentence: `${others.join(', ')}: only bank-vaults writes secrets into objects`,
        remedy: 'let the pods that read them get them as variables or files, and remove the values',
      });
  }
  return { values, lines, hasErrors, titles };
}

/** The values of ConfigMaps and Secrets of the manifests, for the pods of a namespace. `namespace` is that of objects without one. */
export function manifestData(documents: readonly DocumentPods[], namespace: string): (namespace: string) => DataOf {
  const objects = otherObjects(documents, namespace);
  return (own) => dataIn(objects, own);
}

const otherObjects = (documents: readonly DocumentPods[], namespace: string): readonly DataObject[] =>
  documents.flatMap(({ document, workloads }) =>
    workloads.length > 0 ? [] : objectsIn(document.value, []).map((found) => placed(found, document, namespace)),
  );

interface DataObject {
  readonly document: YamlDocument;
  readonly path: Path;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Texts of the object by key of its data, decoded, or by path. */
  readonly values: ReadonlyMap<string, string>;
}

const objectsIn = (value: Json | undefined, path: Path): readonly { object: JsonObject; path: Path }[] => {
  if (!isObject(value)) return [];
  const { items } = value;
  return textOf(value, 'kind')?.endsWith('List') === true && Array.isArray(items)
    ? items.flatMap((item: Json, index) => objectsIn(item, [...path, 'items', index]))
    : [{ object: value, path }];
};

const placed = ({ object, path }: { object: JsonObject; path: Path }, document: YamlDocument, namespace: string): DataObject => {
  const kind = textOf(object, 'kind') ?? '';
  const metadata = objectAt(object, 'metadata');
  const isData = kind === 'ConfigMap' || kind === 'Secret';
  return {
    document,
    path,
    kind,
    namespace: textOf(metadata, 'namespace') || namespace,
    name: textOf(metadata, 'name') ?? '',
    values: isData ? dataOf(object, kind) : new Map(textsIn(object, '')),
  };
};

const dataOf = (object: JsonObject, kind: 'ConfigMap' | 'Secret'): ReadonlyMap<string, string> =>
  kind === 'ConfigMap'
    ? textMap(object['data'])
    : new Map([
        ...[...textMap(object['data'])].map(([key, value]) => [key, Buffer.from(value, 'base64').toString()] as const),
        ...textMap(object['stringData']),
      ]);

/** All texts of an object, by their paths. */
const textsIn = (value: Json | undefined, path: string): readonly (readonly [string, string])[] => {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => textsIn(member as Json, path === '' ? key : `${path}.${key}`));
};

/** Also within a larger text, such as the JSON of a registry's credentials. */
const refersToVault = (text: string): boolean => isBankVaultsValue(text) || /["'\s:](?:>>)?(?:vault|bao):[\w./-]+#\w/.test(text);

const dataIn =
  (objects: readonly DataObject[], namespace: string): DataOf =>
  (kind, name) =>
    objects.find((object) => object.kind === kind && object.namespace === namespace && object.name === name)?.values;
