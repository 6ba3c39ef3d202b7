/** Keeps this process from doing anything else, as if it had no processor. */
export const stall = (ms: number): void => {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
}
