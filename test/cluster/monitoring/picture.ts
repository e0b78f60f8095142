// The dashboard as a picture (SVG): a grid of panels with lines and legends, much simpler than Grafana's.
import type { Panel } from '../../generated/dashboard-panels.ts';
import type { Line } from './evaluate.ts';

export interface DrawnRow {
  readonly title: string;
  readonly panels: readonly { readonly panel: Panel; readonly lines: readonly Line[] }[];
}

const COLUMNS = 4;
const [WIDTH, HEIGHT, GAP, MARGIN] = [300, 190, 10, 12];
const [PLOT_TOP, PLOT_BOTTOM] = [34, 128];
const COLOURS = ['#7eb26d', '#eab839', '#6ed0e0', '#ef843c', '#e24d42', '#1f78c1', '#ba43a9', '#9aa0d0'];
const MAX_LEGENDS = 6;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (x: number, y: number, words: string, style: string): string =>
  `<text x="${x}" y="${y}" ${style}>${escaped(words)}</text>`;

const seconds = (value: number): string => {
  if (value >= 172_800) return `${(value / 86_400).toFixed(0)} d`;
  if (value >= 7200) return `${(value / 3600).toFixed(0)} h`;
  if (value >= 1) return `${value.toFixed(0)} s`;
  return `${Number((value * 1000).toPrecision(2))} ms`;
};

const amount = (value: number, unit: Panel['unit']): string => {
  if (unit === 's') return seconds(value);
  const number = value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
  return unit === 'reqps' ? `${number}/s` : number;
};

const drawn = ({ panel, lines }: DrawnRow['panels'][number], left: number, top: number): string => {
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values.filter((value) => value !== undefined)));
  const scale = highest === 0 ? 1 : highest * 1.1;
  const plot = (value: number): string => (top + PLOT_BOTTOM - (value / scale) * (PLOT_BOTTOM - PLOT_TOP)).toFixed(1);
  const paths = lines.map(({ values }, index) => {
    const step = (WIDTH - 70) / Math.max(1, values.length - 1);
    const points = values.flatMap((value, time) =>
      value === undefined ? [] : [`${(left + 58 + time * step).toFixed(1)},${plot(value)}`],
    );
    return `<polyline fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="1.5" points="${points.join(' ')}"/>`;
  });
  const more = lines.length - MAX_LEGENDS;
  const legends = lines.slice(0, MAX_LEGENDS).map(({ legend, values }, index) => {
    const last = values.findLast((value) => value !== undefined);
    const words = `${legend}${last === undefined ? '' : `: ${amount(last, panel.unit)}`}`;
    const [x, y] = [left + 12 + (index % 2) * (WIDTH / 2 - 10), top + 146 + Math.floor(index / 2) * 13];
    return text(
      x,
      y,
      words.length > 25 ? `${words.slice(0, 24)}…` : words,
      `fill="${COLOURS[index % COLOURS.length]}" font-size="9"`,
    );
  });
  const grid = [0, 0.5, 1].map((share) => {
    const y = plot(share * scale);
    return `<line x1="${left + 58}" x2="${left + WIDTH - 12}" y1="${y}" y2="${y}" stroke="#333740"/>${text(left + 54, Number(y) + 3, amount(share * scale, panel.unit), 'fill="#8e9198" font-size="9" text-anchor="end"')}`;
  });
  return [
    `<rect x="${left}" y="${top}" width="${WIDTH}" height="${HEIGHT}" rx="3" fill="#1b1d23" stroke="#2c3038"/>`,
    text(left + 12, top + 20, panel.title, 'fill="#d8d9da" font-size="12" font-weight="bold"'),
    ...grid,
    ...paths,
    ...legends,
    ...(more > 0
      ? [text(left + WIDTH - 12, top + 20, `and ${more} more`, 'fill="#8e9198" font-size="9" text-anchor="end"')]
      : []),
  ].join('\n');
};

/** The whole dashboard. */
export function picture(rows: readonly DrawnRow[]): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const { title, panels } of rows) {
    parts.push(text(MARGIN, y + 16, title, 'fill="#d8d9da" font-size="15"'));
    y += 26;
    for (const [index, panel] of panels.entries())
      parts.push(drawn(panel, MARGIN + (index % COLUMNS) * (WIDTH + GAP), y + Math.floor(index / COLUMNS) * (HEIGHT + GAP)));
    y += Math.ceil(panels.length / COLUMNS) * (HEIGHT + GAP);
  }
  const width = 2 * MARGIN + COLUMNS * (WIDTH + GAP) - GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="sans-serif">`,
    `<rect width="${width}" height="${y}" fill="#111217"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}
