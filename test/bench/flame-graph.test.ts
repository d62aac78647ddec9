import { describe, expect, it } from "vitest";
import { type Area, areaOf, labelOf, sharesOf } from "../../bench/flame/areas.ts";
import { type CallFrame, type CpuProfile, framesOf } from "../../bench/flame/cpu-profile.ts";
import { flameGraphOf } from "../../bench/flame/flame-graph.ts";

interface Called {
  readonly of: Partial<CallFrame>;
  /** Samples of it, each of a millisecond. */
  readonly samples?: number;
  readonly calls?: readonly Called[];
}

/** As V8 writes it, where these were called from the root. */
function profileOf(...calls: readonly Called[]): CpuProfile {
  const nodes: { id: number; callFrame: CallFrame; children: number[] }[] = [];
  const samples: number[] = [];
  const add = ({ of, samples: own = 0, calls: under = [] }: Called): number => {
    const children: number[] = [];
    const node = { id: nodes.length + 1, callFrame: { functionName: "", url: "", lineNumber: 0, ...of }, children };
    nodes.push(node);
    for (let count = 0; count < own; count += 1) samples.push(node.id);
    for (const one of under) children.push(add(one));
    return node.id;
  };
  add({ of: named("(root)"), calls });
  // One more, of which nobody knows how long it lasted.
  return { nodes, samples: [...samples, 1], timeDeltas: [50, ...samples.map(() => 1_000)] };
}

function named(functionName: string, url = "file:///x/src/rpc/a.ts"): Partial<CallFrame> {
  return { functionName, url };
}

const rectangles = (svg: string): readonly { readonly told: string; readonly width: number; readonly y: number }[] =>
  [...svg.matchAll(/<g><title>([^<]*)<\/title><rect [^>]*y="(\d+)" width="([\d.]+)"/g)].map(([, told = "", y, width]) => ({
    told,
    width: Number(width),
    y: Number(y),
  }));

describe("the frames of a profile", () => {
  it("are one where the same function was called from the same place, and as wide as itself with what it called", () => {
    const [a, ...others] = framesOf(
      profileOf(
        { of: named("a"), samples: 1, calls: [{ of: named("b"), samples: 2 }] },
        { of: named("a"), samples: 1, calls: [{ of: named("b"), samples: 3 }] },
      ),
    );
    expect(others).toEqual([]);
    expect(a).toMatchObject({ selfMicros: 2_000, micros: 7_000, children: [{ micros: 5_000 }] });
  });

  it("tell apart what has the same name in two files, and functions without a name by their line", () => {
    const frames = framesOf(
      profileOf(
        { of: named("a", "file:///x/src/rpc/a.ts"), samples: 1 },
        { of: named("a", "file:///x/src/rpc/b.ts"), samples: 1 },
        { of: { ...named(""), lineNumber: 1 }, samples: 1 },
        { of: { ...named(""), lineNumber: 2 }, samples: 1 },
      ),
    );
    expect(frames).toHaveLength(4);
  });

  it("have no idle time in them", () => {
    const frames = framesOf(profileOf({ of: named("(idle)", ""), samples: 90 }, { of: named("a"), samples: 10 }));
    expect(frames.map(({ of, micros }) => [of.functionName, micros])).toEqual([["a", 10_000]]);
  });
});

describe("areas", () => {
  const modules = "file:///x/node_modules";
  it.each<readonly [Area, string, string, string]>([
    ["transport", "serve", "file:///x/src/transport/unary.ts", "serve transport/unary.ts"],
    ["other rooms", "sign", "file:///x/src/keys/token-signer.ts", "sign keys/token-signer.ts"],
    ["other rooms", "start", "file:///x/src/service.ts", "start service.ts"],
    ["connect", "parse", `${modules}/@connectrpc/connect/dist/esm/parse.js`, "parse @connectrpc/connect/parse.js"],
    ["protobuf", "toBinary", `${modules}/@bufbuild/protobuf/dist/esm/to-binary.js`, "toBinary @bufbuild/protobuf/to-binary.js"],
    ["protobuf", "init", "file:///x/gen/cambio/v1/service_pb.ts", "init cambio/v1/service_pb.ts"],
    ["other packages", "LOG", `${modules}/pino/lib/tools.js`, "LOG pino/tools.js"],
    // A package's folder named as a room of ours is no room of ours.
    ["other packages", "get", `${modules}/tidy/src/cache/get.js`, "get tidy/get.js"],
    ["node", "emit", "node:events", "emit node:events"],
    ["rpc", "", "file:///x/src/rpc/call.ts", "anonymous, line 1 rpc/call.ts"],
    ["native", "writev", "", "writev (native)"],
    ["native", "", "", "anonymous (native)"],
    ["native", "(program)", "", "native, outside of functions"],
    ["garbage collection", "(garbage collector)", "", "garbage collection"],
  ])("are told by the file: %s of %s in %s", (area, functionName, url, label) => {
    const frame: CallFrame = { functionName, url, lineNumber: 0 };
    expect([areaOf(frame), labelOf(frame)]).toEqual([area, label]);
  });

  it("have a share by their own time, not by that of what they called", () => {
    const frames = framesOf(
      profileOf({ of: named("emit", "node:events"), samples: 1, calls: [{ of: named("handle"), samples: 3 }] }, { of: named("write", "") }),
    );
    expect(sharesOf(frames)).toEqual([
      { area: "rpc", share: 0.75 },
      { area: "node", share: 0.25 },
    ]);
  });
});

describe("the flame graph", () => {
  it("draws what was called on what called it, each as wide as its share, and tells the share", () => {
    const svg = flameGraphOf(profileOf({ of: named("a"), samples: 1, calls: [{ of: named("b"), samples: 3 }] }), "a hit");
    const [a, b] = rectangles(svg);
    expect(a).toMatchObject({ told: "a rpc/a.ts: 100.0 %, itself 25.0 %", width: 1_200 });
    expect(b).toMatchObject({ told: "b rpc/a.ts: 75.0 %, itself 75.0 %", width: 900 });
    expect(b?.y).toBeLessThan(a?.y ?? 0);
  });

  it("leaves out what is too narrow to be seen", () => {
    const svg = flameGraphOf(profileOf({ of: named("wide"), samples: 998 }, { of: named("narrow"), samples: 2 }), "a hit");
    expect(rectangles(svg).map(({ told }) => told.split(" ")[0])).toEqual(["wide"]);
  });

  it("ends where a profile goes deeper than a picture can", () => {
    const deep = Array.from({ length: 100 }).reduce<Called>((called) => ({ of: named("f"), calls: [called] }), {
      of: named("g"),
      samples: 1,
    });
    expect(rectangles(flameGraphOf(profileOf(deep), "a hit"))).toHaveLength(30);
  });

  it("is one whole document without script, whatever a function is called", () => {
    const svg = flameGraphOf(profileOf({ of: named("<script> & co"), samples: 1 }), "a <hit>");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
    expect(svg).toMatch(/<\/svg>\n$/);
    expect(svg).toContain("&lt;script> &amp; co");
    expect(svg).not.toContain("<script");
  });

  it("of a thread that was never busy has no frames", () => {
    expect(rectangles(flameGraphOf(profileOf({ of: named("(idle)", ""), samples: 5 }), "nothing"))).toEqual([]);
  });
});
