// Pods of profile native for tests, and the role that their tokens log in with.
import type { Bed } from '../bed/bed.ts';
import { podTemplate, type PodTemplate } from './workload.ts';
import { eventually } from '../support/eventually.ts';

/** What the projected tokens are for. */
export const AUDIENCE = 'vault';

/** A role of the auth method that takes no token but one with that audience. */
export const ROLE = {
  bound_service_account_names: ['*'],
  bound_service_account_namespaces: ['*'],
  token_policies: ['web'],
  audience: AUDIENCE,
};

/** As `podTemplate`, but logged in by the role "native" where the annotations name none. */
export function asking(app: string, script: string, annotations: Readonly<Record<string, string>> = {}): PodTemplate {
  return podTemplate(app, script, { role: 'native', ...annotations });
}

/** Creates a pod of that template, with members of its spec replaced or added. */
export async function createPod(
  bed: Bed,
  namespace: string,
  name: string,
  { metadata, spec }: PodTemplate,
  more: object = {},
): Promise<void> {
  const pod = { metadata: { ...metadata, name }, spec: { ...spec, ...more } };
  await bed.request('POST', `/api/v1/namespaces/${namespace}/pods`, pod);
}

/** Asks until an answer contains the text. @throws after 90 s, with the last answer. */
export function eventuallyContains(text: string, ask: () => Promise<string>): Promise<void> {
  return eventually(async () => expect(await ask()).toContain(text), { seconds: 90, everyMs: 250 });
}
