// `make conformance`: the Connect conformance suite and h2spec against Cambio's port. Exit status 0: both went as they should.

import { compareWithStock } from "./h2spec.ts";
import { runSuite } from "./suite.ts";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const conforms = await runSuite(print);
const asGoodAsStock = await compareWithStock(print);
process.exitCode = conforms && asGoodAsStock ? 0 : 1;
