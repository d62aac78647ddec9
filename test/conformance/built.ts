// Where scripts/conformance.sh puts what it builds.

import { join } from "node:path";

export const built = join(import.meta.dirname, "../../.cache/conformance");
