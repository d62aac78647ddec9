// A container's health check: exit status 0 if the address answers with 2xx within three seconds. No shell and no curl is needed.

try {
  const response = await fetch(process.argv[2] ?? "", { redirect: "error", signal: AbortSignal.timeout(3_000) });
  await response.body?.cancel();
  if (!response.ok) {
    process.stderr.write(`it answers ${response.status}\n`);
    process.exitCode = 1;
  }
} catch (failure) {
  process.stderr.write(`it does not answer: ${failure instanceof Error ? failure.name : "unknown"}\n`);
  process.exitCode = 1;
}
