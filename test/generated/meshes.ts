// The block of the guide of service meshes: how each mesh is recognised, as src/pod/mesh.ts has it.
import { MESHES } from '../../src/pod/mesh.ts';
import { code, tableOf, withBlock, type Document } from './markdown.ts';

const list = (names: readonly (string | undefined)[]): string =>
  names.flatMap((name) => (name === undefined ? [] : [code(name)])).join(', ') || '–';

/** The guide with its table as it is now. */
export function meshesDocument(): Document {
  const rows = MESHES.map(({ name, proxy, suffixed, redirect, others, user, excludedPorts, nativeSidecar }) => [
    name,
    code(suffixed ? `${proxy}[-SERVICE]` : proxy),
    nativeSidecar,
    list([redirect, ...others]),
    user === undefined ? '–' : String(user),
    list([excludedPorts]),
  ]);
  const head = [
    'mesh',
    'proxy',
    'as a native sidecar',
    'other init containers',
    'user that is not redirected',
    'ports that are not redirected',
  ];
  return withBlock('docs/guides/service-meshes.md', 'meshes', tableOf(head, rows));
}
