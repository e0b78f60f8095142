// The rules of the house that a compiler does not know: imports between folders, the one reader of the environment, how long a file may be.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { build } from 'esbuild';
import { families } from '../src/annotations/families.ts';
import { PREFIXES, kebab } from '../src/annotations/names.ts';
import { table } from '../src/annotations/table.ts';
import { ADMISSION_LABEL, INJECT_LABEL } from '../src/selection/decide.ts';
import { OWNER_LABEL } from '../src/tls/ca-store.ts';
import { literals, packageOf, prose, ROOT, type Source, sourcesIn } from './support/sources.ts';

const LONGEST_FILE = 450;

/** What a folder of src may import: other folders, and packages or built-in modules for values (types are free). */
const FOLDERS: Readonly<Record<string, { readonly folders: readonly string[]; readonly modules: readonly string[] }>> = {
  json: { folders: [], modules: [] },
  annotations: { folders: ['json'], modules: [] },
  selection: { folders: ['annotations'], modules: [] },
  pod: { folders: ['json', 'annotations'], modules: ['node:path', 'fast-json-patch'] },
  admission: { folders: ['json', 'annotations', 'selection', 'pod', 'resources'], modules: [] },
  net: { folders: [], modules: ['node:*'] },
  settings: { folders: ['annotations'], modules: [] },
  yaml: { folders: ['json', 'annotations'], modules: ['node:*', 'yaml'] },
  resources: { folders: ['json'], modules: ['typebox'] },
  http: { folders: ['json', 'admission', 'observe'], modules: ['node:*', 'express'] },
  tls: { folders: ['json', 'net', 'kube', 'observe'], modules: ['node:*', 'node-forge'] },
  kube: { folders: ['net'], modules: ['node:*', '@kubernetes/client-node'] },
  controller: { folders: ['json', 'net', 'resources', 'kube', 'vault', 'observe'], modules: ['node:*'] },
  vault: { folders: ['json', 'net'], modules: ['node:*'] },
  observe: { folders: ['json'], modules: ['node:*', 'pino', 'prom-client'] },
  cluster: {
    folders: ['json', 'annotations', 'pod', 'admission', 'resources', 'settings', 'net', 'kube', 'yaml', 'observe'],
    modules: ['node:*'],
  },
  check: {
    folders: ['json', 'annotations', 'selection', 'admission', 'resources', 'kube', 'vault', 'tls', 'settings', 'cluster'],
    modules: ['node:*'],
  },
  cli: { folders: ['*'], modules: ['node:*', 'yaml', 'diff'] },
};

const RECONCILERS = ['controller/backend', 'controller/endpoint', 'controller/policy', 'controller/role'];
const PROFILES = ['pod/compat', 'pod/native'];
/** Files of one name hold one concept of siblings: the names, and the folders of src that have one each. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  client: ['kube', 'vault'],
  conditions: RECONCILERS,
  config: PROFILES,
  container: PROFILES,
  deletion: RECONCILERS,
  errors: ['kube', 'vault'],
  // The third one is the command of that name.
  inject: [...PROFILES, 'cli'],
  reconcile: [...RECONCILERS, 'controller/rollout'],
  table: ['annotations', 'settings'],
  'value-kinds': ['annotations', 'settings'],
  volumes: PROFILES,
};

/** Packages that only one file, or one folder, may import for values. */
const OWNERS: Readonly<Record<string, string>> = {
  express: 'src/http/',
  'node-forge': 'src/tls/issue.ts',
  pino: 'src/observe/',
  'prom-client': 'src/observe/',
  '@kubernetes/client-node': 'src/kube/',
  yaml: 'src/yaml/',
  typebox: 'src/resources/',
  'fast-json-patch': 'src/pod/',
};

const product = sourcesIn('src');
const everything = [...product, ...sourcesIn('test'), ...(existsSync(join(ROOT, 'certs')) ? sourcesIn('certs') : [])];

/** The product's labels: names under its prefix that are not annotations, and the folder that spells each. */
const LABELS: ReadonlyMap<string, string> = new Map([
  [INJECT_LABEL, 'selection'],
  [ADMISSION_LABEL, 'selection'],
  [OWNER_LABEL.name, 'tls'],
]);

const folderOf = (file: string): string => file.split('/')[1] ?? '';

/** What breaks a rule, as "file: what", so that a failure can be read. */
const breaches = (sources: readonly Source[], find: (source: Source) => readonly string[]): readonly string[] =>
  sources.flatMap((source) => find(source).map((what) => `${source.file}: ${what}`));

const matches = (patterns: readonly string[], name: string): boolean =>
  patterns.some(
    (pattern) => pattern === name || pattern === '*' || (pattern.endsWith(':*') && name.startsWith(pattern.slice(0, -1))),
  );

const lines = (source: Source, pattern: RegExp): readonly string[] =>
  source.text.split('\n').filter((line) => pattern.test(line));

/** Whether a text names something under one of our prefixes; a path that contains one does not. */
const isPrefixed = (literal: string): boolean =>
  PREFIXES.some((prefix) => new RegExp(`(?<![\\w./-])${prefix.replaceAll('.', String.raw`\.`)}`).test(literal));

describe('imports', () => {
  it('go only where the table of folders lets them', () => {
    expect(
      breaches(product, ({ file, imports }) => {
        const rule = FOLDERS[folderOf(file)];
        if (!rule) return ['a folder without a rule'];
        return imports.flatMap(({ target, isType }) => {
          if (!target.startsWith('.')) return isType || matches(rule.modules, packageOf(target)) ? [] : [`imports ${target}`];
          const folder = folderOf(posix.join(posix.dirname(file), target));
          return folder === folderOf(file) || matches(rule.folders, folder) ? [] : [`imports the folder ${folder}`];
        });
      }),
    ).toEqual([]);
  });

  it('take a package for values only where it belongs', () => {
    expect(
      breaches(product, ({ file, imports }) =>
        imports
          .filter(({ isType }) => !isType)
          .map(({ target }) => packageOf(target))
          .filter((name) => OWNERS[name] !== undefined && !file.startsWith(OWNERS[name])),
      ),
    ).toEqual([]);
  });

  it('name files with their ending', () => {
    expect(
      breaches(everything, ({ imports }) =>
        imports.map(({ target }) => target).filter((target) => target.startsWith('.') && !/\.(?:ts|json)$/.test(target)),
      ),
    ).toEqual([]);
  });
});

describe('pure folders', () => {
  const PURE = ['json', 'annotations', 'selection', 'pod', 'admission', 'resources'];
  const pure = product.filter(({ file }) => PURE.includes(folderOf(file)));

  it('exist', () => expect(new Set(pure.map(({ file }) => folderOf(file)))).toEqual(new Set(PURE)));

  it('know no clock, no randomness, no process, no timer and no console', () => {
    const impure =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bMath\.random\b|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\b|\bconsole\.|\bfetch\(|\basync\b|\bawait\b/;
    expect(breaches(pure, ({ code }) => code.split('\n').filter((line) => impure.test(line)))).toEqual([]);
  });

  it('keep no mutable state in a module', () => {
    expect(breaches(pure, ({ code }) => mutableState(code))).toEqual([]);
  });

  it('take from node:path only its posix part', () => {
    expect(
      breaches(pure, (source) => lines(source, /from 'node:path'/).filter((line) => !line.startsWith('import { posix }'))),
    ).toEqual([]);
  });
});

/** Names of top-level variables whose value changes, or hides something that does. */
const mutableState = (code: string): readonly string[] => {
  const variables = [...code.matchAll(/^(?:export )?(?:let|var) (\w+)/gm)].map(([, name = '']) => name);
  const constants = [...code.matchAll(/^(?:export )?const (\w+)/gm)].map(([, name = '']) => name);
  const written = constants.filter((name) =>
    new RegExp(
      `\\b${name}(?:\\.(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill)\\(|\\[[^\\]]*\\] (?:\\?\\?)?= |\\.\\w+ = )`,
    ).test(code),
  );
  return [...variables, ...written, ...(/\bWeak(?:Map|Set|Ref)\b/.test(code) ? ['a WeakMap, WeakSet or WeakRef'] : [])];
};

describe('every file', () => {
  it('has at most 450 lines', () => {
    expect(breaches(everything, ({ text }) => (text.trimEnd().split('\n').length > LONGEST_FILE ? ['too long'] : []))).toEqual(
      [],
    );
  });

  it('of src has a name of its own, or is a listed twin', () => {
    const paths = product.map(({ file }) => file.slice('src/'.length, -'.ts'.length));
    const twice = paths.filter((path) => paths.some((other) => other !== path && posix.basename(other) === posix.basename(path)));
    expect(twice.filter((path) => TWINS[posix.basename(path)]?.includes(posix.dirname(path)) !== true)).toEqual([]);
  });

  it('exports functions as declarations', () => {
    const arrow =
      /^export const (\w+)(?::.*)? = (?:async )?(?:function\b|\w+ =>|(?:<[^=]*>)?\((?:\)|\w+\)|\w+[?:,]|\{|\[|\n|\.\.\.))/gm;
    expect(breaches(product, ({ code }) => [...code.matchAll(arrow)].map(([, name = '']) => name))).toEqual([]);
  });

  it('begins by saying what it is', () => {
    expect(breaches(product, ({ text }) => (/^(?:#!.*\n)?\/\/ /.test(text) ? [] : ['no comment at the top']))).toEqual([]);
  });

  it('has no default export, no any, nothing unfinished, skipped or singled out', () => {
    const forbidden = [
      /^export default\b/,
      /(?:[:<|&]|\bas)\s*any\b|,\s*any\s*>/,
      new RegExp(`\\b(?:${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`),
      new RegExp(
        `\\b(?:it|test|describe)\\.(?:${['sk', 'ip'].join('')}|${['on', 'ly'].join('')}|todo)\\b|\\b(?:x|f)(?:it|describe)\\(`,
      ),
    ];
    const self = 'test/architecture.test.ts';
    expect(
      breaches(
        everything.filter(({ file }) => file !== self),
        (source) => forbidden.flatMap((pattern) => lines({ ...source, text: source.code }, pattern)),
      ),
    ).toEqual([]);
    expect(breaches(everything, (source) => lines(source, forbidden[2] ?? /$^/))).toEqual([]);
  });
});

describe('the language of the house', () => {
  /** Persons and everyday verbs where the trade has nouns. Split, so that this file does not contain them. */
  const WORDS = ['t-old', 'no-body', 'some-body', 'who-ever', 'wh-om', 'a-new', 'a-miss', 'of o-urs', 'te-ll of', 'te-lls of'];
  const word = new RegExp(`\\b(?:${WORDS.map((each) => each.replace('-', '')).join('|')})\\b`, 'gi');

  it('is that of Kubernetes and Vault, everywhere outside quotations', () => {
    const found = prose().flatMap(({ file, text }) => (text.match(word) ?? []).map((each) => `${file}: ${each}`));
    expect(found).toEqual([]);
  });
});

describe('knowledge that has one place', () => {
  it('the environment is read in settings', () => {
    expect(
      breaches(
        product.filter(({ file }) => folderOf(file) !== 'settings'),
        ({ code }) => code.match(/\bprocess\s*\.\s*env\b/g) ?? [],
      ),
    ).toEqual([]);
  });

  it('annotations are spelt in their table', () => {
    const names = [...Object.keys(table).map(kebab), ...Object.values(families).map(({ name }) => name)].filter((name) =>
      name.includes('-'),
    );
    // Short names are words of other vocabularies too (a log level, a role): only with a prefix are they annotations.
    const telling = names.filter((name) => name.startsWith('agent-') && name.split('-').length > 2);
    const isTelling = (literal: string): boolean =>
      telling.some((name) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(literal));
    expect(
      breaches(
        product.filter(({ file }) => folderOf(file) !== 'annotations'),
        ({ file, code }) =>
          literals(code).filter(
            (literal) => LABELS.get(literal) !== folderOf(file) && (isPrefixed(literal) || isTelling(literal)),
          ),
      ),
    ).toEqual([]);
  });
});

describe('the bundle of the webhook', () => {
  const ENTRIES = ['src/cli/main.ts', 'src/cli/serve.ts'];

  it('holds no Kubernetes client, schema or YAML library in what start-up loads', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'architecture-'));
    try {
      const { metafile } = await build({
        absWorkingDir: ROOT,
        entryPoints: ENTRIES,
        outdir: directory,
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        target: 'node20',
        metafile: true,
        write: false,
        logLevel: 'silent',
      });
      const loaded = new Set<string>();
      const load = (output: string): void => {
        if (loaded.has(output)) return;
        loaded.add(output);
        for (const { path, kind, external } of metafile.outputs[output]?.imports ?? [])
          if (kind !== 'dynamic-import' && !external) load(path);
      };
      for (const [output, { entryPoint }] of Object.entries(metafile.outputs))
        if (ENTRIES.includes(entryPoint ?? '')) load(output);
      const inputs = [...loaded].flatMap((output) => Object.keys(metafile.outputs[output]?.inputs ?? {}));
      const packages = new Set(inputs.flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []));
      expect(packages.has('express')).toBe(true);
      expect([...packages].filter((name) => ['@kubernetes/client-node', 'typebox', 'yaml', 'diff'].includes(name))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
