/** Small pieces of inline SVG: escaped text, logarithmic axes. */

export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
}

/** Maps [low, high] to pixels by logarithms, with ticks at powers of ten and, where there is room, at twos and fives. */
export function logScale(low: number, high: number, from: number, to: number): Scale {
  const [a, b] = [Math.log10(low), Math.log10(high)];
  const place = (value: number): number => from + ((Math.log10(value) - a) / (b - a)) * (to - from);
  const steps = b - a > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(a); power <= Math.ceil(b); power++)
    for (const step of steps) {
      const tick = step * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(Number(tick.toPrecision(1)));
    }
  return Object.assign(place, { ticks });
}

type Attributes = Readonly<Record<string, string | number>>;

/** `<name a="1">inner</name>`; attributes are escaped, inner is markup. */
export function element(name: string, attributes: Attributes, inner = ''): string {
  const list = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escape(typeof value === 'number' ? String(Math.round(value * 100) / 100) : value)}"`,
  );
  return inner === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${inner}</${name}>`;
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escape(content));

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string =>
  element('line', { x1, y1, x2, y2, ...attributes });

/** A tooltip of the element around it. */
export const title = (content: string): string => `<title>${escape(content)}</title>`;

export const compact = (value: number): string => (value >= 1000 ? `${value / 1000}k` : String(value));
