// `make dashboard` as its tests run it.

import { runDashboard } from "../../examples/dashboard/run-dashboard.ts";
import { cambioCommand } from "./dashboard-cambio.ts";

process.exitCode = await runDashboard(cambioCommand);
