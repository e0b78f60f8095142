// Queries of the dashboard over scraped samples. promtool evaluates them: each query is a test that fails, and its message has the value.
import { stringify } from 'yaml';
import type { Promtool } from '../../bed/promtool.ts';

/** What one scrape of all processes gave: value by series. The label `pod` is added. */
export type Scrape = ReadonlyMap<string, number>;

export interface Line {
  readonly legend: string;
  /** One value for each scrape but the first; undefined: no value. */
  readonly values: readonly (number | undefined)[];
}

/** Reads the text format of Prometheus. */
export function readScrape(text: string, pod: string): Scrape {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name?.startsWith('vault_auth_injector_') !== true) continue;
    const number = Number(value);
    if (Number.isFinite(number)) series.set(`${name}{${[...(labels === '' ? [] : [labels]), `pod="${pod}"`].join(',')}}`, number);
  }
  return series;
}

interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** The lines of each query. Scrapes are a second apart. @throws when promtool does not evaluate every query at every time. */
export async function evaluate(
  promtool: Promtool,
  scrapes: readonly Scrape[],
  queries: readonly Query[],
): Promise<readonly (readonly Line[])[]> {
  const names = [...new Set(scrapes.flatMap((scrape) => [...scrape.keys()]))];
  const times = scrapes.slice(1).map((_, index) => index + 1);
  const file = {
    rule_files: [],
    evaluation_interval: '1s',
    tests: [
      {
        interval: '1s',
        input_series: names.map((series) => ({ series, values: scrapes.map((scrape) => scrape.get(series) ?? '_').join(' ') })),
        promql_expr_test: queries.flatMap(({ expr }) =>
          times.map((time) => ({
            expr: expr.replaceAll('$__rate_interval', '5s'),
            eval_time: `${time}s`,
            // No query has it, so that promtool prints what it has.
            exp_samples: [{ labels: '{never="seen"}', value: 1 }],
          })),
        ),
      },
    ],
  };
  const { output } = await promtool.run(['test', 'rules', 'queries.yaml'], { 'queries.yaml': stringify(file, { lineWidth: 0 }) });
  const results = output.split('\n').filter((line) => line.startsWith('        got: '));
  if (results.length !== queries.length * times.length)
    throw new Error(`${results.length} results of ${queries.length} queries at ${times.length} times: ${output.slice(0, 2000)}`);
  return queries.map(({ legend }, query) => linesOf(results.slice(query * times.length, (query + 1) * times.length), legend));
}

const linesOf = (results: readonly string[], legend: string): readonly Line[] => {
  const lines = new Map<string, (number | undefined)[]>();
  for (const [time, result] of results.entries())
    for (const [, labels = '', value] of result.matchAll(/(\{[^}]*\}) ([^\s,]+)/g)) {
      const number = Number(value);
      const name = legend.replaceAll(
        /\{\{(\w+)\}\}/g,
        (_, label: string) => new RegExp(`[{ ]${label}="([^"]*)"`).exec(labels)?.[1] ?? '',
      );
      const values = lines.get(name) ?? results.map(() => undefined);
      if (Number.isFinite(number)) values[time] = number;
      lines.set(name, values);
    }
  // Without a label: the zero of `or vector(0)`.
  return [...lines].map(([name, values]) => ({ legend: name.trim() || 'none', values }));
};
