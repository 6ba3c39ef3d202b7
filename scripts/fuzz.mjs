// npm run fuzz: the fuzzer of the REST contract with many requests. FUZZ_REQUESTS and FUZZ_SEED change the run.
process.env.FUZZ_REQUESTS ??= "25000"
process.argv.push("test/contract/Fuzz.test.ts")
await import("./test.mjs")
