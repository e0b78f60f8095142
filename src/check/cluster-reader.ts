// Reads of the API server for the command check: objects that may be absent, lists, and questions about rights.
import { type JsonObject, objectAt, objectsOf } from '../json/json.ts';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { type CheckName, type Line, warn } from './catalogue.ts';

/** A right, as a SelfSubjectAccessReview asks for it. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  /** With a subresource after a slash. */
  readonly resource: string;
  /** Absent: in all namespaces, or a cluster-scoped resource. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export interface ClusterReader {
  readonly client: KubeClient;
  /** The object; undefined when it, or its kind, does not exist. Throws KubeError. */
  readonly get: (path: string) => Promise<JsonObject | undefined>;
  /** The items of a list; empty when the kind does not exist. Throws KubeError. */
  readonly list: (path: string, query?: Readonly<Record<string, string>>) => Promise<readonly JsonObject[]>;
  /** The rights among these that the user lacks; without a user: these credentials. Throws KubeError. */
  readonly lacking: (rights: readonly Right[], user?: string) => Promise<readonly Right[]>;
}

const PAGE_SIZE = 500;

/** For `catch`. By the status: a kind that is not installed is a 404 without a reason. */
const undefinedIfAbsent = (error: unknown): undefined => {
  if (!(error instanceof KubeError) || error.status !== 404) throw error;
};

/** Reads with this client. */
export function clusterReader(client: KubeClient): ClusterReader {
  const request = (path: string, query?: Readonly<Record<string, string | number>>): Promise<JsonObject | undefined> =>
    client.request<JsonObject>({ method: 'GET', path, ...(query ? { query } : {}) }).catch(undefinedIfAbsent);
  const isAllowed = async (right: Right, user: string | undefined): Promise<boolean> => {
    const kind = user === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
    const { verb, group, namespace, name } = right;
    const [resource = '', subresource] = right.resource.split('/');
    const { status } = await client.request<{ readonly status?: { readonly allowed?: boolean } }>({
      method: 'POST',
      path: `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`,
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind,
        spec: {
          ...(user === undefined ? {} : { user, groups: groupsOf(user) }),
          resourceAttributes: {
            verb,
            group,
            resource,
            ...(subresource === undefined ? {} : { subresource }),
            ...(namespace === undefined ? {} : { namespace }),
            ...(name === undefined ? {} : { name }),
          },
        },
      },
    });
    return status?.allowed === true;
  };
  return {
    client,
    get: (path) => request(path),
    list: async (path, query = {}) => {
      const items: JsonObject[] = [];
      let next = '';
      do {
        const page = await request(path, { ...query, limit: PAGE_SIZE, ...(next === '' ? {} : { continue: next }) });
        items.push(...objectsOf(page?.['items']));
        const token = objectAt(page, 'metadata')?.['continue'];
        next = typeof token === 'string' ? token : '';
      } while (next !== '');
      return items;
    },
    lacking: async (rights, user) => {
      const answers = await Promise.all(rights.map((right) => isAllowed(right, user)));
      return rights.filter((_, index) => answers[index] === false);
    },
  };
}

/** As the API server adds them to a service account. */
const groupsOf = (user: string): readonly string[] => {
  const [, , namespace = ''] = user.split(':');
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
};

/** The user name of a service account. */
export function userOfAccount(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** Rights as a sentence lists them: `create pods in team, get secrets "ca" in team`. */
export function rightsText(rights: readonly Right[]): string {
  return rights
    .map(({ verb, group, resource, namespace, name }) =>
      [
        `${verb} ${resource}${group === '' ? '' : `.${group}`}`,
        ...(name === undefined ? [] : [JSON.stringify(name)]),
        ...(namespace === undefined ? [] : [`in ${namespace}`]),
      ].join(' '),
    )
    .join(', ');
}

/** Runs one check. What these credentials may not read becomes a warning; other errors of the API server are thrown. */
export async function attempt(name: CheckName, run: () => Promise<readonly Line[]>): Promise<readonly Line[]> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    return [warn(name, `cannot be checked: ${error.message}`, 'run check with credentials that have this right')];
  }
}

/** The labels of an object, only those with text values. */
export function labelsOf(object: JsonObject | undefined): Readonly<Record<string, string>> {
  const labels = objectAt(objectAt(object, 'metadata'), 'labels') ?? {};
  return Object.fromEntries(Object.entries(labels).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])));
}

/** The name in the metadata of an object; empty without one. */
export function nameIn(object: JsonObject | undefined): string {
  const name = objectAt(object, 'metadata')?.['name'];
  return typeof name === 'string' ? name : '';
}

/** The namespace in the metadata of an object; empty without one. */
export function namespaceIn(object: JsonObject | undefined): string {
  const namespace = objectAt(object, 'metadata')?.['namespace'];
  return typeof namespace === 'string' ? namespace : '';
}
