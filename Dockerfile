# One image for every role: ROLES=actors, ROLES=gateway, ROLES=simulator. The gateway serves the page at /.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package's own script runs: none that is used needs one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY web ./web
# src to dist, and web to web/dist, compressed.
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
ENV NODE_ENV=production ENVIRONMENT=production GATEWAY_HOST=0.0.0.0
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules ./node_modules
COPY --from=build --chown=root:root /app/dist ./dist
COPY --from=build --chown=root:root /app/web/dist ./web/dist
USER node
EXPOSE 8081
# node is process 1 here and gets SIGTERM itself: the platform drains before it ends.
# scripts/lib/v8.mjs explains --max-semi-space-size and has the same value.
CMD ["node", "--max-semi-space-size=64", "--enable-source-maps", "dist/main.js"]
