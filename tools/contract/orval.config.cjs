module.exports = Object.fromEntries(
  ["fetch", "zod"].map((client) => [
    client,
    { input: "out/openapi.json", output: { target: `out/orval-${client}/client.ts`, client, mode: "single" } }
  ])
)
