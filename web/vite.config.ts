import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"

const gateway = process.env["TARANG_GATEWAY"] ?? "http://127.0.0.1:8081"
/** The first part of every path that the gateway serves. */
export const paths = [
  "/accounts",
  "/alerts",
  "/api-keys",
  "/asyncapi.json",
  "/auth",
  "/backfills",
  "/calendar",
  "/depth",
  "/docs",
  "/exports",
  "/fo",
  "/futures",
  "/health",
  "/historical",
  "/history",
  "/indicators",
  "/instruments",
  "/kill",
  "/kite",
  "/labels",
  "/marks",
  "/mcp",
  "/metrics",
  "/nifty-monitor",
  "/openapi.json",
  "/orders",
  "/replay",
  "/settlements",
  "/strategies",
  "/subscriptions",
  "/timescale_marks",
  "/udf",
  "/ws"
]

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  build: {
    target: "es2022",
    // An inlined asset would be a data: address, which the page's policy refuses for anything but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The packages change seldom. In a file of their own they stay in the browser's cache when only our code changes.
    rollupOptions: { output: { manualChunks: (id) => (id.includes("node_modules") ? "packages" : undefined) } },
    reportCompressedSize: false
  },
  // For work on the page beside a running gateway: npx vite web.
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: gateway, ws: true, changeOrigin: true }])) }
})
