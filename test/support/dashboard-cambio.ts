// What the dashboard's tests run as its Cambio, and the dashboard's command with it.

import { join } from "node:path";

export const cambioCommand: readonly [string, ...string[]] = [join(import.meta.dirname, "minting-stand-in.ts")];

export const dashboardCommand = "test/support/dashboard-with-stand-in.ts";
