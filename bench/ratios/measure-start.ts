// How long `cambio serve` takes from the start of its process to the answer that it is ready.

import { inMs, type Measured } from "../report.ts";
import { median } from "../statistics.ts";
import { startSurroundings } from "../surroundings.ts";
import { fastProviderMs, serveCambio } from "./served-cambio.ts";

const starts = 7;
const barMs = 600;

export async function measureStart(): Promise<Measured> {
  await using surroundings = await startSurroundings(fastProviderMs);
  const times: number[] = [];
  const cpu: number[] = [];
  // The first one also reads the files from disk, and is not counted.
  for (let start = 0; start <= starts; start += 1) {
    await using cambio = await serveCambio(surroundings);
    times.push(cambio.readyMs);
    cpu.push(cambio.readyCpuMs);
  }
  const [cold = Number.NaN, ...warm] = times;
  const usual = median(warm);
  return {
    title: `9. From start to ready: ${starts} starts`,
    lines: [
      `median ${inMs(usual)} ms, ${inMs(Math.min(...warm))} to ${inMs(Math.max(...warm))}; one before them ${inMs(cold)}; CPU time ${inMs(median(cpu))} ms`,
    ],
    bars: [{ text: `ready in under ${barMs} ms (${inMs(usual)})`, holds: usual < barMs }],
  };
}
