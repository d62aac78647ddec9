// Baseline: `node:http2` alone, by its streams. It reads the body and answers with as many bytes as Cambio does; it looks at neither.

import { createServer, type ServerHttp2Stream } from "node:http2";
import { answerOfCambio, listen } from "./listening.ts";

const answer = answerOfCambio();
const server = createServer();
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.resume().once("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/proto" });
    stream.end(answer);
  });
});
listen(server);
