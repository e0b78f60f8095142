// The table of annotations: every row is valid, and all annotations of vault-k8s exist.
import { families } from '../../../src/annotations/families.ts';
import { text } from '../../../src/annotations/text-kinds.ts';
import { INVALID } from '../../../src/annotations/value-kinds.ts';
import { allNames, annotationName, familyName, PREFIXES, kebab } from '../../../src/annotations/names.ts';
import { baseline, parseAnnotations } from '../../../src/annotations/parse.ts';
import type { Row } from '../../../src/annotations/row.ts';
import { table, type OptionKey } from '../../../src/annotations/table.ts';
import { readUntrustedYaml } from '../../../src/yaml/untrusted.ts';
import { nearestName } from '../../../src/annotations/suggest.ts';

const BASE = baseline({});
const rows = (Object.keys(table) as OptionKey[]).map((key): [OptionKey, Row<unknown>] => [key, table[key]]);

/** The API server's limit for the name of an annotation, without its prefix. */
const LONGEST_NAME = 63;

describe.each(rows)('the row %s', (key, row) => {
  it('has a valid example under each of its prefixes', () => {
    for (const annotation of 'own' in row ? [annotationName(key)] : allNames(key)) {
      const layer = row.namespaceOnly ? 'namespace' : 'pod';
      const parsed = parseAnnotations({ [layer]: new Map([[annotation, row.example]]) }, BASE, readUntrustedYaml);
      expect(parsed.problems).toEqual([]);
      expect(parsed.options[key]).toEqual(row.kind.read(row.example));
      expect(parsed.origins.get(key)).toEqual({ layer, annotation });
    }
  });

  it('has a valid default', () => {
    const written =
      typeof row.default === 'string'
        ? row.default
        : Array.isArray(row.default)
          ? row.default.join(',')
          : JSON.stringify(row.default);
    expect(row.default === undefined ? undefined : row.kind.read(written)).toEqual(row.default);
  });

  it('says why any text is valid, or has a kind that checks it', () => {
    expect(row.anyText !== undefined).toBe(row.kind === text);
  });

  it('has a sentence, and a name that is suggested if one letter is missing', () => {
    const name = kebab(key);
    expect(row.sentence).toMatch(/^[A-Z].*\.$/);
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(name.length).toBeLessThanOrEqual(LONGEST_NAME);
    if (name.length >= 6) expect(nearestName(name.slice(0, 3) + name.slice(4))).toBe(name);
  });
});

describe.each(Object.entries(families))('the family %s', (key, row) => {
  it('says why any text is valid, or has a kind that checks it', () => {
    expect(row.anyText !== undefined).toBe((row.kind as unknown) === text);
  });

  it('has a valid example and a sentence', () => {
    expect(row.kind.read(row.example)).not.toBe(INVALID);
    expect(row.sentence).toMatch(/^[A-Z].*\.$/);
    const annotation = familyName(key as keyof typeof families, 'web');
    const parsed = parseAnnotations({ pod: new Map([[annotation, row.example]]) }, BASE, readUntrustedYaml);
    expect(parsed.problems).toEqual([]);
    expect(parsed.families[key as keyof typeof families].get('web')).toEqual({ value: row.kind.read(row.example), annotation });
  });
});

/** Every annotation of vault-k8s 1.7.6, from its documentation. */
const PREDECESSOR = `agent-auto-auth-exit-on-err agent-cache-enable agent-cache-exit-on-err agent-cache-listener-port
agent-cache-use-auto-auth-token agent-configmap agent-copy-volume-mounts agent-disable-idle-connections agent-disable-keep-alives
agent-enable-quit agent-extra-secret agent-image agent-init-first agent-init-json-patch agent-inject agent-inject-containers
agent-inject-default-template agent-inject-status agent-inject-token agent-json-patch agent-limits-cpu agent-limits-ephemeral
agent-limits-mem agent-pre-populate agent-pre-populate-only agent-request-namespace agent-requests-cpu agent-requests-ephemeral
agent-requests-mem agent-revoke-grace agent-revoke-on-shutdown agent-run-as-group agent-run-as-same-user agent-run-as-user
agent-service-account-token-volume-name agent-set-security-context agent-share-process-namespace auth-max-backoff auth-min-backoff
auth-path auth-type ca-cert ca-key client-cert client-key client-max-retries client-timeout go-max-procs log-format log-level
namespace preserve-secret-case proxy-address role secret-volume-path service template-config-exit-on-retry-failure
template-lease-renewal-threshold template-max-connections-per-host template-static-secret-render-interval tls-secret
tls-server-name tls-skip-verify`.split(/\s+/);

const PREDECESSOR_FAMILIES =
  `agent-inject-secret agent-inject-template agent-inject-template-file agent-inject-file agent-inject-perms
agent-inject-command agent-telemetry agent-template-left-delim agent-template-right-delim auth-config error-on-missing-key
preserve-secret-case secret-volume-path`.split(/\s+/);

describe('the vocabulary', () => {
  it('has every annotation of vault-k8s', () => {
    const known = new Set(Object.keys(table).map(kebab));
    expect(PREDECESSOR.filter((name) => !known.has(name))).toEqual([]);
    const knownFamilies = new Set(Object.values(families).map(({ name }) => name));
    expect(PREDECESSOR_FAMILIES.filter((name) => !knownFamilies.has(name))).toEqual([]);
  });

  it('has three prefixes, the one of vault-k8s first', () => {
    expect(PREFIXES).toEqual(['vault.hashicorp.com/', 'openbao.org/', 'vaultauth.dev/']);
    expect(annotationName('role')).toBe('vault.hashicorp.com/role');
    expect(allNames('role')).toEqual(['vault.hashicorp.com/role', 'openbao.org/role', 'vaultauth.dev/role']);
  });
});
