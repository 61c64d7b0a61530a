/** What the examples show in a terminal: a progress bar, pictures, curves. */
import { Presets, SingleBar } from 'cli-progress';
import { plot } from 'simple-ascii-chart';

export interface Progress {
  update(done: number, fields: Readonly<Record<string, string>>): void;
  stop(): void;
}

/** A bar on a terminal; elsewhere (a log file, CI) one line for each tenth of the work. */
export function progressBar(label: string, total: number, fields: readonly string[]): Progress {
  const started = performance.now();
  const timeLeft = (done: number): string => {
    const seconds = done === 0 ? 0 : ((performance.now() - started) / 1000 / done) * (total - done);
    return `${seconds.toFixed(0)} s left`;
  };
  if (!process.stdout.isTTY) {
    let shown = 0;
    return {
      update(done, values) {
        const tenth = Math.floor((done / total) * 10);
        if (tenth === shown) return;
        shown = tenth;
        console.log(
          `${label} ${String(tenth * 10).padStart(3)} % | ${fields.map((f) => `${f} ${values[f] ?? ''}`).join(' | ')} | ${timeLeft(done)}`,
        );
      },
      stop: () => undefined,
    };
  }
  const format = `${label} {bar} {percentage} % | ${fields.map((f) => `${f} {${f}}`).join(' | ')} | {left}`;
  const bar = new SingleBar({ format, barsize: 24, hideCursor: true, linewrap: false, forceRedraw: true }, Presets.shades_classic);
  bar.start(total, 0, { ...Object.fromEntries(fields.map((f) => [f, '-'])), left: '' });
  return {
    update: (done, values) => bar.update(done, { ...values, left: timeLeft(done) }),
    stop: () => bar.stop(),
  };
}

const ramp = ' .:-=+*#%@';

/** A grey picture (0..255, row-major) as text lines: two pixels a character with colours on a terminal, a character ramp elsewhere. */
export function picture(pixels: ArrayLike<number>, height: number, width: number): string[] {
  const pixel = (row: number, column: number): number => Math.round(pixels[row * width + column] ?? 0);
  const lines: string[] = [];
  for (let row = 0; row < height; row += 2) {
    let line = '';
    for (let column = 0; column < width; column++) {
      const top = pixel(row, column);
      const bottom = row + 1 < height ? pixel(row + 1, column) : 0;
      line += process.stdout.isTTY
        ? `\u001b[38;2;${top};${top};${top};48;2;${bottom};${bottom};${bottom}m\u2580`
        : (ramp[Math.floor(((top + bottom) / 2 / 256) * ramp.length)] ?? ' ');
    }
    lines.push(process.stdout.isTTY ? `${line}\u001b[0m` : line);
  }
  return lines;
}

/** Blocks of lines next to each other, each with a caption below. Blocks must be equally high. */
export function sideBySide(
  blocks: readonly { readonly lines: readonly string[]; readonly width: number; readonly caption: string }[],
): string {
  const height = blocks[0]?.lines.length ?? 0;
  const rows = Array.from({ length: height }, (_, i) => blocks.map((b) => b.lines[i] ?? '').join('  '));
  const captions = blocks.map((b) => b.caption.slice(0, b.width).padEnd(b.width)).join('  ');
  return [...rows, captions].join('\n');
}

/** A line chart of `values` over their index, thinned to the terminal's width by averaging. */
export function curve(values: readonly number[], title: string): string {
  const width = Math.min(72, values.length);
  const per = values.length / width;
  const points = Array.from({ length: width }, (_, i): [number, number] => {
    const part = values.slice(Math.floor(i * per), Math.max(Math.floor(i * per) + 1, Math.floor((i + 1) * per)));
    return [Math.round((i + 1) * per), part.reduce((a, b) => a + b, 0) / part.length];
  });
  return plot(points, {
    width,
    height: 12,
    title,
    hideXAxisTicks: true,
    xLabel: `step 1 .. ${values.length}`,
    formatter: (value) => value.toFixed(2),
  });
}
