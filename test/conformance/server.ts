// The program that the Connect conformance suite starts, once for every kind of server that it wants: it reads what is wanted from
// standard input, listens on a free port, and tells on standard output where. A signal ends it.

import { buffer } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { messageNamed, type ServerRequest } from "./messages.ts";
import { createConformancePort } from "./port.ts";

/** Bytes of the length, big-endian, before each message. */
const sizeBytes = 4;

const host = "127.0.0.1";
const input = await buffer(process.stdin);
const size = input.readUInt32BE(0);
const wanted = fromBinary(messageNamed("ServerCompatRequest"), input.subarray(sizeBytes, sizeBytes + size)) as ServerRequest;

const tls = tlsOf(wanted);
const port = createConformancePort({ messageBytes: wanted.messageReceiveLimit, ...(tls === undefined ? {} : { tls }) });
const bound = await port.listen(host, 0);

const schema = messageNamed("ServerCompatResponse");
const response = toBinary(schema, create(schema, { host, port: bound.port, pemCert: tls?.cert ?? new Uint8Array() }));
const head = Buffer.alloc(sizeBytes);
head.writeUInt32BE(response.byteLength);
process.stdout.write(Buffer.concat([head, response]));

function tlsOf({ useTls, serverCreds, clientTlsCert }: ServerRequest) {
  if (!useTls) return undefined;
  if (serverCreds === undefined) throw new Error("TLS is wanted, and there is no certificate for it");
  return {
    cert: Buffer.from(serverCreds.cert),
    key: Buffer.from(serverCreds.key),
    ...(clientTlsCert.byteLength === 0 ? {} : { clientCa: Buffer.from(clientTlsCert) }),
  };
}
