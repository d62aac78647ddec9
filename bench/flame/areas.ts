// Whose code a frame is: a room of src/, a package, Node's own, or none that was written in JavaScript; and how the picture names it.

import type { CallFrame, Frame } from "./cpu-profile.ts";

/** Each with the colour of its frames, on which dark letters can be read. */
export const areas = {
  transport: "#ff9f6b",
  rpc: "#ffc65c",
  exchange: "#f7e067",
  cache: "#c3e36b",
  policy: "#8fdc8a",
  limits: "#6fdcb4",
  audit: "#67d3d9",
  telemetry: "#ff9db0",
  callers: "#e9a8e6",
  "other rooms": "#e3cba8",
  connect: "#c3b1f5",
  protobuf: "#9fb4ff",
  "other packages": "#a9cfe8",
  node: "#c5ccd3",
  native: "#a7b0ba",
  "garbage collection": "#f28482",
} as const;

export type Area = keyof typeof areas;

const collector = "(garbage collector)";
/** What V8 calls its own time and the system's outside of any function. */
const outside = "(program)";

export function areaOf({ functionName, url }: CallFrame): Area {
  if (functionName === collector) return "garbage collection";
  if (url === "") return "native";
  if (url.startsWith("node:")) return "node";
  const packageName = packageOf(url);
  if (packageName?.startsWith("@connectrpc/")) return "connect";
  if (packageName?.startsWith("@bufbuild/") || (packageName === undefined && url.includes("/gen/"))) return "protobuf";
  if (packageName !== undefined) return "other packages";
  const room = /\/src\/([^/]+)\/[^?]/.exec(url)?.[1];
  return room !== undefined && isArea(room) ? room : "other rooms";
}

/** The function and its file, as short as both can be told. */
export function labelOf({ functionName, url, lineNumber }: CallFrame): string {
  if (functionName === collector) return "garbage collection";
  if (functionName === outside) return "native, outside of functions";
  if (url === "") return `${functionName === "" ? "anonymous" : functionName} (native)`;
  return `${functionName === "" ? `anonymous, line ${lineNumber + 1}` : functionName} ${fileOf(url)}`;
}

/** Of the time of all frames, by the frames' own. Areas without any are left out, the largest comes first. */
export function sharesOf(frames: readonly Frame[]): readonly { readonly area: Area; readonly share: number }[] {
  const micros = new Map<Area, number>();
  let all = 0;
  const left = [...frames];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const area = areaOf(next.of);
    micros.set(area, (micros.get(area) ?? 0) + next.selfMicros);
    all += next.selfMicros;
    left.push(...next.children);
  }
  return [...micros]
    .map(([area, own]) => ({ area, share: own / all }))
    .filter(({ share }) => share > 0)
    .toSorted((a, b) => b.share - a.share);
}

function fileOf(url: string): string {
  if (url.startsWith("node:")) return url;
  const packageName = packageOf(url);
  const last = url.slice(url.lastIndexOf("/") + 1);
  if (packageName !== undefined) return `${packageName}/${last}`;
  return /\/(?:src|gen)\/(.+)$/.exec(url)?.[1] ?? last;
}

/** The innermost, where packages lie in each other. */
function packageOf(url: string): string | undefined {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
}

function isArea(name: string): name is Area {
  return Object.hasOwn(areas, name);
}
