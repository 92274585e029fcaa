/**
 * The development services cannot be had or did not start. The message is complete: it says what to do and is
 * meant to be printed alone, without a stack.
 */
export class DevServicesError extends Error {
  override readonly name = 'DevServicesError';
}
