/**
 * Options of Node for every process of the platform, wherever it is started; the Dockerfile has the same. Thousands of marks wait at one time for
 * NATS to acknowledge them. In V8's usual room for new objects, 16 MB, each collection copies them, which took a fifth of a busy process' time.
 */
export const v8Options = ["--max-semi-space-size=64"]
