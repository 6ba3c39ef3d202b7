/**
 * Node's options for every process of the platform; the Dockerfile has the same. Thousands of marks wait at the same time for NATS to
 * acknowledge them. With V8's usual 16 MB for new objects each garbage collection copied these marks, which took a fifth of a busy process' time.
 */
export const v8Options = ["--max-semi-space-size=64"]
