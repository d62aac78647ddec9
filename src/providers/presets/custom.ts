// A provider that says nothing about itself: its configuration says where it is and what it differs in. What it leaves open is as RFC
// 6749 has it. Without `endpoints.jwks` there are no keys, so its tokens are opaque here; without `user` nobody knows its users.

import type { ProviderDefinition } from "../definition.ts";
import { oidc } from "./oidc.ts";

export const custom: ProviderDefinition = {
  ...oidc,
  discovery: false,
  // There is no key for it in the configuration: both ways of naming an error are read.
  errors: { objects: true, words: {} },
};
