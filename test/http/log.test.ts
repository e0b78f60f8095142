// The log: levels and formats as vault-k8s names them, one line per event whatever the values hold.
import { INVALID } from '../../src/annotations/value-kinds.ts';
import { createLog, type LogFormat, type LogLevel } from '../../src/observe/log.ts';
import type { Review, ReviewRecord } from '../../src/admission/review.ts';
import { review, send } from './client.ts';
import { startServer, stopServers } from './fixture.ts';
import { logLevel } from '../../src/settings/value-kinds.ts';

const capture = (level: LogLevel, format: LogFormat) => {
  const lines: string[] = [];
  return { lines, log: createLog({ level, format, sink: { write: (line) => void lines.push(line) } }) };
};

describe('log', () => {
  it.each([
    ['trace', 'trace'],
    [' DEBUG ', 'debug'],
    ['notice', 'info'],
    ['info', 'info'],
    ['warning', 'warn'],
    ['err', 'error'],
    ['loud', INVALID],
    ['', INVALID],
  ])('reads level %j as %p', (text, level) => {
    expect(logLevel.read(text)).toBe(level);
  });

  it('writes one JSON document per line with level, time, message and the chosen fields', () => {
    const { lines, log } = capture('info', 'json');
    log.debug({ uid: 'u' }, 'not shown');
    log.info({ uid: 'u', decision: 'injected' }, 'review answered');
    expect(lines).toHaveLength(1);
    const line: unknown = JSON.parse(lines[0] ?? '');
    expect(line).toMatchObject({ level: 'info', uid: 'u', decision: 'injected', msg: 'review answered' });
    expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/));
    expect(line).not.toHaveProperty('pid');
  });

  it('writes text in which a value cannot forge a second line or a second field', () => {
    const { lines, log } = capture('warn', 'standard');
    log.info({}, 'not shown');
    log.warn({ namespace: 'shop', name: 'a b=c\n[ERROR] forged', none: undefined, count: 2 }, 'something odd');
    log.error({}, 'no fields');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^\S+Z \[WARN\]  something odd: namespace=shop name="a b=c\\n\[ERROR\] forged" count=2\n$/);
    expect(lines[1]).toMatch(/^\S+Z \[ERROR\] no fields\n$/);
  });

  it('writes text in which no value can control a terminal or change the direction of a line', () => {
    const { lines, log } = capture('info', 'standard');
    for (const code of [0x1b, 0x7f, 0x80, 0x85, 0x9b, 0x9f, 0x61c, 0x200e, 0x2028, 0x2029, 0x202e, 0x2066, 0x2069, 0xfeff]) {
      const character = String.fromCharCode(code);
      log.info({ text: `a${character}b`, list: [character], fault: new Error(character) }, 'm');
      expect(lines.at(-1)).not.toContain(character);
      expect(lines.at(-1)).toContain(`text="a\\u${code.toString(16).padStart(4, '0')}b"`);
    }
  });

  it.each(['json', 'standard'] as const)('opens standard output, as %s', (format) => {
    const log = createLog({ level: 'error', format });
    expect(() => {
      log.info({}, 'below its level');
      log.flush();
    }).not.toThrow();
  });
});

describe('log of reviews', () => {
  afterAll(stopServers);

  const RECORD: ReviewRecord = {
    uid: 'u',
    namespace: 'shop',
    name: 'web-*',
    owner: '',
    decision: 'skipped',
    reason: 'not-requested',
    codes: [],
    dryRun: false,
  };

  it.each([
    ['debug', 'a pod that requested nothing', {}],
    ['info', 'a pod that requested nothing and gets a warning', { codes: ['annotation-unknown'] }],
    ['info', 'a pod that opted out', { reason: 'annotation' }],
    ['info', 'an injected pod', { decision: 'injected', reason: 'annotation' }],
  ] as const)('writes at %s the line of %s', async (level, _title, fields: Partial<ReviewRecord>) => {
    const stub: Review = () => ({ status: 200, body: '{}', record: { ...RECORD, ...fields } });
    const server = await startServer({ review: stub });
    await send(server.port, review());
    const answered = server.lines.map((line): unknown => JSON.parse(line)).filter((line) => isAnswered(line));
    expect(answered).toMatchObject([{ level, namespace: 'shop' }]);
  });
});

const isAnswered = (line: unknown): boolean => (line as { msg?: string }).msg === 'review answered';
