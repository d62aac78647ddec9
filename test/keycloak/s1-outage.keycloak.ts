// Cambio under load while a real Keycloak is killed, frozen and started again (`make test-keycloak`).

import { startOwnKeycloakWorld } from "./keycloak-world.ts";
import { runOutage } from "./s1-outage.ts";

runOutage(startOwnKeycloakWorld, { upstreamMs: 3_000, deadlineMs: 5_000 });
