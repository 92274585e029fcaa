# The weir worker. Needs nothing but a Docker daemon: docker build -t weir .
# Base images are arguments, for mirrors and other distributions:
#   docker build --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=… -t weir .
# Run it with a pipeline folder: docker run -v "$PWD/examples/flights:/pipeline:ro" weir run
# The root file system may be read-only; nothing is written.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# --- compiles the sources -----------------------------------------------------------------------------------------
FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY examples examples
# src/dev starts services for development and has no business in a worker.
RUN node_modules/.bin/tsc -p tsconfig.build.json && cp -r dist/src worker && rm -rf worker/dev

# --- production dependencies, for this platform only --------------------------------------------------------------
FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Of the optional packages the codecs' and checksums' libraries are needed, and those with Node itself, for machines whose
# own is old, are not. onnxruntime-node brings the libraries of six platforms (288 MB), of which one is needed (46 MB).
RUN npm ci --omit=dev --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/node-linux-* node_modules/node-darwin-* node_modules/node-bin-* node_modules/.bin/node \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -path "*/linux/$(node -p process.arch)" -prune -exec rm -rf {} + \
 && find node_modules/onnxruntime-node/bin -type d -empty -delete \
 && node -e "for (const name of ['onnxruntime-node', 'snappy', 'lz4-napi', '@node-rs/crc32']) require(name)"

# --- what runs ----------------------------------------------------------------------------------------------------
FROM ${RUNTIME_IMAGE} AS worker
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY schemas schemas
COPY docker/healthcheck.mjs docker/
COPY --from=build /app/worker dist/src
# MALLOC_… and --max-semi-space-size as in the first line of src/cli/main.ts: a third less memory (docs/performance.md).
# ONNX Runtime's Linux library has telemetry, on by default, which also looks for a place to write an id.
# A pipeline file may take host and port with ${WEIR_OPS_HOST:-127.0.0.1} and ${WEIR_OPS_PORT:-9464}; the health check asks the port.
ENV NODE_ENV=production \
    PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ORT_DISABLE_TELEMETRY=1 \
    MALLOC_MMAP_THRESHOLD_=262144 \
    MALLOC_TRIM_THRESHOLD_=1048576 \
    WEIR_CONFIG=/pipeline/weir.yaml \
    WEIR_OPS_HOST=0.0.0.0 \
    WEIR_OPS_PORT=9464
USER 65532:65532
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/docker/healthcheck.mjs"]
ENTRYPOINT ["node", "--max-semi-space-size=16", "/app/dist/src/cli/main.js"]
CMD ["run"]

# --- the flights example on top: loads features and replays departures (docker-compose.yml) ------------------------
FROM worker AS flights
COPY examples/flights/data examples/flights/data
COPY examples/flights/schemas examples/flights/schemas
COPY --from=build /app/dist/examples dist/examples
COPY docker/flights.mjs docker/
HEALTHCHECK NONE
ENTRYPOINT ["node", "/app/docker/flights.mjs"]
CMD ["--help"]

# The last stage is what `docker build` makes.
FROM worker
