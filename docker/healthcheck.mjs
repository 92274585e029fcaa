/**
 * The health check of the image, which has no shell and no curl: asks /livez of the worker in this container.
 * Exit code 0: alive; 1: not.
 */
const url = `http://127.0.0.1:${process.env.WEIR_OPS_PORT || 9464}/livez`;
try {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(3000) });
  if (!ok) console.error(`${url} answers ${status}`);
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  console.error(`${url} does not answer: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
