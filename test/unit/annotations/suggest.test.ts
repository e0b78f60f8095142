// Suggestions for misspelt names.
import { lookalike, nearestName, nearestWord } from '../../../src/annotations/suggest.ts';

describe('the nearest annotation', () => {
  it.each([
    ['rol', 'role'],
    ['roel', 'role'],
    ['agent-injct', 'agent-inject'],
    ['Agent-Inject', 'agent-inject'],
    ['agent_inject', 'agent-inject'],
    ['agent-limit-cpu', 'agent-limits-cpu'],
    ['tls-skip-verfy', 'tls-skip-verify'],
    ['agent-inject-secrt-db', 'agent-inject-secret-db'],
    ['agent-inject-tempalte-my-db', 'agent-inject-template-my-db'],
    ['agent-injct-secret-Db.Conf', 'agent-inject-secret-Db.Conf'],
    // F22, vault-k8s PR 267.
    ['agent-error-on-missing-key-db', 'error-on-missing-key-db'],
    ['agent-template-config-exit-on-retry-failure', 'template-config-exit-on-retry-failure'],
    ['agent-inject-template_My_Api', 'agent-inject-template-My_Api'],
    ['agent-inject-secrets-api', 'agent-inject-secret-api'],
    ['inject-token', 'agent-inject-token'],
    ['vault-role', 'role'],
    ['agentInjectToken', 'agent-inject-token'],
    ['agent-limits-memory', 'agent-limits-mem'],
    ['agent-inject-secret', 'agent-inject-secret-NAME'],
    ['agent-inject-perm', 'agent-inject-perms-NAME'],
  ])('of %s is %s', (unknown, nearest) => expect(nearestName(unknown)).toBe(nearest));

  it.each(['', 'x', 'completely-else', 'istio', 'a'.repeat(127)])('of %j is none', (unknown) =>
    expect(nearestName(unknown)).toBeUndefined(),
  );
});

describe('the nearest word', () => {
  it('is near, or there is none', () => {
    expect(nearestWord('explian', ['inject', 'explain'])).toBe('explain');
    expect(nearestWord('serve', ['inject', 'explain'])).toBeUndefined();
    expect(nearestWord('inject', [])).toBeUndefined();
  });
});

describe('a name of a family that looks like an option', () => {
  it.each([
    ['agent-inject-secret-volume-path', 'secret-volume-path'],
    ['agent-inject-secret-volume-path-db', 'secret-volume-path-db'],
    ['agent-inject-template-config-exit-on-retry-failure', 'template-config-exit-on-retry-failure'],
  ])('%s is %s', (name, option) => expect(lookalike(name)).toBe(option));

  it.each(['agent-inject-secret-db', 'secret-volume-path-db', 'agent-inject-secret-volume', 'agent-inject-template-file-db'])(
    'is not %s',
    (name) => expect(lookalike(name)).toBeUndefined(),
  );
});
