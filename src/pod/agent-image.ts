// What the name of an agent image reveals about its programs: a review cannot read the image itself.
import type { Draft } from './draft.ts';
import type { PodProblem } from './pod-problems.ts';

/**
 * - `shell`: an official image with a shell, or a mirror of one.
 * - `bare`: an image without a shell, such as OpenBao's distroless images and images FROM scratch.
 * - `unknown`: any other image. Only the agent's own program is certain.
 */
export type ImageTools = 'shell' | 'bare' | 'unknown';

/** Last parts of the repositories whose images are built on Alpine or UBI. */
const WITH_SHELL: ReadonlySet<string> = new Set([
  'vault',
  'vault-enterprise',
  'vault-enterprise-fips',
  'bao',
  'openbao',
  'openbao-ubi',
  'openbao-hsm',
  'openbao-hsm-ubi',
]);

/** Registries of hardened images, which have the names of the official images and often no shell. */
const HARDENED_REGISTRIES: ReadonlySet<string> = new Set(['cgr.dev', 'dhi.io']);

const hasWord = (text: string, words: string): boolean => new RegExp(`(?:^|[-_.])(?:${words})(?:[-_.]|$)`, 'i').test(text);

/** Reads a reference such as `registry.example:5000/openbao/openbao-distroless:2.6.0@sha256:…`. */
export function imageTools(image: string): ImageTools {
  const [reference = ''] = image.split('@');
  const parts = reference.split('/');
  const [name = '', tag = ''] = (parts.pop() ?? '').split(':');
  const isDebug = hasWord(tag, 'debug|busybox');
  if ([...parts, name, tag].some((part) => hasWord(part, 'distroless|scratch'))) return isDebug ? 'unknown' : 'bare';
  if (HARDENED_REGISTRIES.has(parts[0] ?? '') || [name, tag].some((part) => hasWord(part, 'static|nonroot|hardened')))
    return 'unknown';
  return WITH_SHELL.has(name) ? 'shell' : 'unknown';
}

/** Commands of secrets for which the agent needs a shell: those with arguments. It runs a single word directly. */
export function shellCommands({ parsed: { options, families }, files }: Draft): readonly PodProblem[] {
  const image = options.agentImage ?? '';
  if (imageTools(image) !== 'bare') return [];
  return files
    .filter(({ command }) => /\S\s+\S/.test(command))
    .map(({ name }) => ({
      code: 'shell-missing',
      image,
      need: 'command',
      annotation: families.command.get(name)?.annotation ?? '',
    }));
}
