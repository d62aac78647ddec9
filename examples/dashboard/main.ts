// `make dashboard`.

import { runDashboard } from "./run-dashboard.ts";
import { realCambio } from "./start-dashboard.ts";

process.exitCode = await runDashboard(realCambio);
