// What real Keycloak answers (`make test-keycloak`).

import { startKeycloakWorld } from "./keycloak-world.ts";
import { runProviderCases } from "./provider-cases.ts";

runProviderCases(startKeycloakWorld);
