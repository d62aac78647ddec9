// How far a refresh has come, for whoever watches: each step is told before the next thing is done.

import type { SpoolPlace } from "./spool.ts";

export type RefreshStep = "intended" | "sending" | "answered" | "spooled" | "committed";
export type OnRefreshStep = (step: RefreshStep, place: SpoolPlace) => void;
