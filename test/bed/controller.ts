// Our config controller as a process beside a bed's servers: resource definitions, its namespace, and what it found.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../../src/json/json.ts';
import { collectionPath, GROUP, type KindName, kinds, objectPath } from '../../src/resources/kinds.ts';
import type { Bed } from './bed.ts';
import { repositoryDirectory } from './environment.ts';
import { answersOk } from './parts.ts';
import { freePorts } from './ports.ts';
import { type Server, untilReady } from './server.ts';
import { eventually } from '../support/eventually.ts';

/** Where the controller lives, and its credentials with it. */
export const CONTROLLER_NAMESPACE = 'vault-auth-injector';
export const CONTROLLER_ACCOUNT = 'vault-auth-injector-controller';

export interface ControllerOptions {
  /** Name of the process and its log. Default "controller". */
  readonly name?: string;
  /** Further flags, after ours. */
  readonly flags?: readonly string[];
  /** Of Node.js, before the program. */
  readonly nodeFlags?: readonly string[];
  /** Default: the cluster's administrator. */
  readonly kubeconfig?: string;
}

export interface ControllerProcess {
  readonly server: Server;
  /** Address of its health and metrics, without a path. */
  readonly operations: string;
}

/** Creates our resource definitions, the controller's namespace and its service account; what is there already stays. */
export async function installController(bed: Bed): Promise<void> {
  const folder = join(repositoryDirectory(), 'deploy', 'crds');
  const names: string[] = [];
  for (const file of readdirSync(folder).filter((name) => name.startsWith('vault'))) {
    for (const definition of documentsOf(readFileSync(join(folder, file), 'utf8'))) {
      await applied(bed, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
      names.push(nameOf(definition));
    }
  }
  for (const name of names)
    await eventually(`${name} is served`, async () => {
      const found = await bed.request<JsonObject>('GET', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
      return conditionOf(found, 'Established')?.['status'] === 'True';
    });
  // Established is written before the kinds are served, and that is before kubectl finds them.
  await eventually('the kinds can be listed', async () => {
    const answers = await Promise.all(Object.keys(kinds).map((kind) => bed.exchange('GET', collectionPath(kind as KindName))));
    return answers.every(({ status }) => status === 200);
  });
  await eventually(
    'kubectl knows the kinds',
    async () => {
      const known = (await bed.kubectl(['api-resources', `--api-group=${GROUP}`, '-o', 'name'])).split('\n');
      return names.every((name) => known.includes(name));
    },
    { everyMs: 500 },
  );
  await bed.createNamespace({ name: CONTROLLER_NAMESPACE });
  await applied(bed, `/api/v1/namespaces/${CONTROLLER_NAMESPACE}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: CONTROLLER_ACCOUNT, namespace: CONTROLLER_NAMESPACE },
  });
}

/**
 * Starts `node dist/vault-auth-injector.js controller` with short times and waits until it answers; it leads a moment later.
 * @throws with the end of its log when it ends before that.
 */
export async function runController(bed: Bed, options: ControllerOptions = {}): Promise<ControllerProcess> {
  const program = join(repositoryDirectory(), 'dist', 'vault-auth-injector.js');
  if (!existsSync(program)) throw new Error(`${program} is missing: run "node build.mjs"`);
  const [operationsPort = 0] = await freePorts(1);
  const operations = `http://127.0.0.1:${operationsPort}`;
  await bed.reach(operationsPort);
  const server = bed.start({
    name: options.name ?? 'controller',
    command: process.execPath,
    arguments: [
      ...(options.nodeFlags ?? []),
      program,
      'controller',
      `-kubeconfig=${options.kubeconfig ?? bed.kubeconfig}`,
      `-operations-listen=127.0.0.1:${operationsPort}`,
      `-service-account=${CONTROLLER_ACCOUNT}`,
      ...(options.flags ?? []),
    ],
    environment: { NAMESPACE: CONTROLLER_NAMESPACE },
  });
  await untilReady(server, 90, () => answersOk(`${operations}/readyz`));
  return { server, operations };
}

/** Applies the objects of a YAML text (ours, and any of the core group) as a user would with kubectl. */
export function applyYAML(bed: Bed, yaml: string): Promise<string> {
  return bed.kubectl(['apply', '--server-side', '-f', '-'], yaml);
}

export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

/** One of our objects as it is now. */
export function readObject(bed: Bed, kind: KindName, object: ObjectName): Promise<JsonObject> {
  return bed.request<JsonObject>('GET', objectPath(kind, object));
}

/**
 * Waits until a condition of an object of the present generation is as expected, such as "Ready=True" or "Programmed=InSync" (a
 * reason), and gives the object.
 * @throws after the seconds with all its conditions.
 */
export async function untilCondition(
  bed: Bed,
  kind: KindName,
  object: ObjectName,
  expected: string,
  seconds = 60,
): Promise<JsonObject> {
  const [type = '', wanted = ''] = expected.split('=');
  let found: JsonObject = {};
  await eventually(
    `${kind} ${object.name} has ${expected}`,
    async () => {
      // Not there yet is only not so yet.
      const { status, text } = await bed.exchange('GET', objectPath(kind, object));
      if (status !== 200) return false;
      found = JSON.parse(text) as JsonObject;
      const condition = conditionOf(found, type);
      const isCurrent = condition?.['observedGeneration'] === objectAt(found, 'metadata')?.['generation'];
      return isCurrent && (condition?.['status'] === wanted || condition?.['reason'] === wanted);
    },
    { seconds, everyMs: 100, state: () => JSON.stringify(objectAt(found, 'status')?.['conditions'], undefined, 1) },
  );
  return found;
}

export function conditionOf(object: JsonObject, type: string): JsonObject | undefined {
  return objectsOf(objectAt(object, 'status')?.['conditions']).find((condition) => condition['type'] === type);
}

const documentsOf = (yaml: string): readonly JsonObject[] =>
  parseAllDocuments(yaml)
    .map((document): unknown => document.toJS())
    .filter(isObject);

const nameOf = (object: JsonObject): string => textOf(objectAt(object, 'metadata'), 'name') ?? '';

const applied = (bed: Bed, collection: string, object: JsonObject): Promise<unknown> =>
  bed.request('PATCH', `${collection}/${nameOf(object)}?fieldManager=bed&force=true`, object, 'application/apply-patch+yaml');
