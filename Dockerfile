# The image: Node and one bundle, no shell, no package manager.
#
#   docker build --build-arg BUILD_COMMIT="$(git rev-parse --short=12 HEAD)" -t vault-auth-injector:0.1.0 .
#
# RUNTIME_BASE can be any image with Node 20.19 or newer; for reproducible builds, pin it by digest.
ARG BUILD_BASE=node:24-trixie-slim
ARG RUNTIME_BASE=gcr.io/distroless/nodejs24-debian13:nonroot

# The bundle is platform-independent, so it is built on the build platform.
FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY build.mjs tsconfig.json ./
COPY src src
ARG BUILD_COMMIT=unknown
# Without a package.json Node would have to guess that these files are ES modules.
RUN BUILD_COMMIT="${BUILD_COMMIT}" node build.mjs && printf '{"type":"module"}\n' > dist/package.json

FROM ${RUNTIME_BASE}
ARG BUILD_COMMIT=unknown
LABEL org.opencontainers.image.title="vault-auth-injector" \
      org.opencontainers.image.description="Gives Kubernetes pods a Vault or OpenBao agent and an audience-bound token" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${BUILD_COMMIT}"
COPY --from=build /source/dist /app
COPY LICENSE /app/LICENSE
# distroless has Node in /nodejs/bin, the official images have it in /usr/local/bin.
ENV PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    MALLOC_ARENA_MAX=1
# /app is world-readable, so any user works: charts of vault-k8s run it as 100.
USER 65532:65532
# A small young generation and a single malloc arena keep the process at 60 to 80 MiB; the heap limit is what the largest review
# needs. On a container's single core, garbage collection threads only delay reviews (docs/decisions/0014).
# The entrypoint includes the program, because charts of vault-k8s set only args: [agent-inject, 2>&1].
ENTRYPOINT ["node", "--max-semi-space-size=4", "--max-old-space-size=192", "--single-threaded-gc", "/app/vault-auth-injector.js"]
