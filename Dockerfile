# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /annals .

# The program needs authorities to trust, time zones, and for the health check something that asks.
FROM alpine:3.22
RUN apk add --no-cache ca-certificates tzdata \
    && adduser -D -H -u 10001 annals \
    && install -d -o annals -g annals -m 0700 /var/lib/annals
COPY --from=build /annals /usr/local/bin/annals
USER annals
ENV ANNALS_LISTEN=0.0.0.0:8080 ANNALS_DATA=/var/lib/annals
VOLUME /var/lib/annals
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD wget -q -O /dev/null http://127.0.0.1:8080/readyz
ENTRYPOINT ["annals"]
