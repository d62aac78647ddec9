// S1 through Cambio and a real Keycloak (`make test-keycloak`).

import { startKeycloakWorld } from "./keycloak-world.ts";
import { runS1Cases } from "./s1-cases.ts";

runS1Cases(startKeycloakWorld);
