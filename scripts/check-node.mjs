// Says what to do where no pinned Node exists for the platform and the machine's own is too old. Runs on any Node.
const major = Number.parseInt(process.versions.node, 10);
if (major < 24) {
  console.error(
    `Node ${process.versions.node} is too old, and there is no packaged Node for ${process.platform} ${process.arch}. Install Node 24 or newer.`,
  );
  process.exit(1);
}
