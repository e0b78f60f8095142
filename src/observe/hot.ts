// Counts on the path of every review. prom-client checks and hashes labels at each count; here a count is an addition to
// an array or an object, and prom-client gets the sums when somebody asks.
import { Counter, type Histogram, type Registry } from 'prom-client';

/** A histogram without labels; `bounds` ascend. Registers itself. */
export function hotHistogram(registry: Registry, name: string, help: string, bounds: readonly number[]): (value: number) => void {
  // The last one counts what is above all bounds.
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  const values = (): readonly HistogramValue[] => {
    let total = 0;
    const buckets = Array.from(counts, (count, index) => {
      total += count;
      return { labels: { le: bounds[index] ?? '+Inf' }, value: total, metricName: `${name}_bucket` };
    });
    return [
      ...buckets,
      { labels: {}, value: sum, metricName: `${name}_sum` },
      { labels: {}, value: total, metricName: `${name}_count` },
    ];
  };
  const metric = { name, help, type: 'histogram', get: async () => ({ name, help, type: 'histogram', values: values() }) };
  // A registry asks a metric for no more than this.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  registry.registerMetric(metric as unknown as Histogram);
  return (value) => {
    let index = 0;
    while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1;
    counts[index] = (counts[index] ?? 0) + 1;
    sum += value;
  };
}

interface HistogramValue {
  readonly labels: { readonly le?: number | string };
  readonly value: number;
  readonly metricName: string;
}

/** A counter with two labels of few values. Registers itself. */
export function hotCounter(
  registry: Registry,
  name: string,
  help: string,
  [first, second]: readonly [string, string],
): (first: string, second: string) => void {
  const pending = new Map<string, Map<string, { count: number }>>();
  const collect = function (this: Counter): void {
    for (const [firstValue, cells] of pending)
      for (const [secondValue, cell] of cells) {
        this.inc({ [first]: firstValue, [second]: secondValue }, cell.count);
        cell.count = 0;
      }
  };
  registry.registerMetric(new Counter({ name, help, labelNames: [first, second], registers: [], collect }));
  return (firstValue, secondValue) => {
    let cells = pending.get(firstValue);
    if (!cells) pending.set(firstValue, (cells = new Map()));
    const cell = cells.get(secondValue);
    if (cell) cell.count += 1;
    else cells.set(secondValue, { count: 1 });
  };
}
