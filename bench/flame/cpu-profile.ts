// A CPU profile as V8 writes it (.cpuprofile): which call tree there was, and where in it each sample fell. What of it a flame graph needs,
// as one tree in which the same function called from the same place is one frame. Pure.

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds from the sample before, or from the start, to each. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

export interface CallFrame {
  /** Empty: it has none. In parentheses: what is no function, such as the garbage collector. */
  readonly functionName: string;
  /** Empty: not JavaScript. */
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export interface Frame {
  readonly of: CallFrame;
  /** Its own. */
  readonly selfMicros: number;
  /** With all that it called. */
  readonly micros: number;
  /** The widest first. */
  readonly children: readonly Frame[];
}

interface Growing {
  readonly of: CallFrame;
  selfMicros: number;
  readonly children: Map<string, Growing>;
}

/** Time in which the thread had nothing to do. */
const idle = "(idle)";

/** @returns what the thread was busy with; empty where it never was */
export function framesOf(profile: CpuProfile): readonly Frame[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const [root] = profile.nodes;
  if (root === undefined) return [];
  const selfMicros = selfMicrosOf(profile);
  const all: Growing = { of: root.callFrame, selfMicros: 0, children: new Map() };
  const left: { readonly id: number; readonly under: Growing }[] = (root.children ?? []).map((id) => ({ id, under: all }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const node = nodes.get(next.id);
    if (node === undefined) throw new Error(`the profile has no node ${next.id}`);
    if (node.callFrame.functionName === idle) continue;
    const merged = frameUnder(next.under, node.callFrame);
    merged.selfMicros += selfMicros.get(node.id) ?? 0;
    for (const id of node.children ?? []) left.push({ id, under: merged });
  }
  return widestFirst(all.children);
}

/** A sample lasts until the next one; how long the last did, nobody saw. */
function selfMicrosOf({ samples, timeDeltas }: CpuProfile): ReadonlyMap<number, number> {
  const micros = new Map<number, number>();
  for (const [index, id] of samples.entries()) micros.set(id, (micros.get(id) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  return micros;
}

function frameUnder({ children }: Growing, of: CallFrame): Growing {
  // Functions without a name are told apart by where they are.
  const key = `${of.functionName === "" ? of.lineNumber : of.functionName} ${of.url}`;
  const known = children.get(key);
  if (known !== undefined) return known;
  const added: Growing = { of, selfMicros: 0, children: new Map() };
  children.set(key, added);
  return added;
}

function widestFirst(growing: ReadonlyMap<string, Growing>): readonly Frame[] {
  const frames = [...growing.values()].map(({ of, selfMicros, children }): Frame => {
    const under = widestFirst(children);
    return { of, selfMicros, micros: selfMicros + microsOf(under), children: under };
  });
  return frames.toSorted((a, b) => b.micros - a.micros);
}

export function microsOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { micros }) => sum + micros, 0);
}
