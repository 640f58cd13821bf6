# Debian 12, as the machine that the tests run on; Node 24 uses less CPU a call than 20, see
# docs/decisions/node-20-floor.md.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs to run anything when it is installed: lmdb brings its binaries.
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="stile" \
      org.opencontainers.image.description="Policy decision point over gRPC: allow, deny or step-up" \
      org.opencontainers.image.licenses="Apache-2.0"
# All that the service keeps is in this folder, so the root file system can be read-only.
RUN groupadd --gid 10001 stile \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin stile \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/stile
WORKDIR /app
# Readable whatever the umask of the clone.
COPY --chmod=0644 package.json LICENSE ./
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --chmod=0644 policies/sre.tar.gz ./policies/sre.tar.gz
# Inside a container the loopback is nobody's; what is published decides who reaches the ports.
# Node 24 warns of a timer of kafkajs that is set to a time already over; it fires at once.
ENV NODE_ENV=production \
    NODE_OPTIONS=--disable-warning=TimeoutNegativeWarning \
    STILE_GRPC_ADDR=0.0.0.0:50051 \
    STILE_HTTP_ADDR=0.0.0.0:8080 \
    STILE_DATA_DIR=/var/lib/stile
USER 10001:10001
VOLUME ["/var/lib/stile"]
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
# After a kill the lock of the data directory is taken over in 6 s.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
