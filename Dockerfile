# One image for all services: `docker run <image> services.writer`, or any other module of `services`.
#
#   docker build -t tagpipe .
#   docker build --target oracle-stand-in -t tagpipe-oracle-stand-in .     the Oracle of docker-compose.lite.yml
#
# Behind a package proxy: its certificate authority is a build secret, a mirror of the index an argument. Neither is
# kept in the image:
#
#   docker build --secret id=ca_certificate,src=company-ca.pem --build-arg PIP_INDEX_URL=https://mirror/simple .
ARG PYTHON_IMAGE=python:3.13-slim
ARG VERSION=0.2.0

# --- The packages, in an environment of their own, without pip -------------------------------------------------------
FROM ${PYTHON_IMAGE} AS packages
ARG PIP_INDEX_URL=
ARG VERSION
COPY requirements/runtime.txt tools/bill_of_materials.py /tmp/
RUN --mount=type=secret,id=ca_certificate \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca_certificate ]; then export PIP_CERT=/run/secrets/ca_certificate; fi; \
    python -m venv --without-pip /opt/tagpipe \
 && python -m pip --disable-pip-version-check --python /opt/tagpipe/bin/python \
        install --quiet --root-user-action=ignore --require-hashes --only-binary=:all: -r /tmp/runtime.txt \
 && python /tmp/bill_of_materials.py /tmp/runtime.txt /opt/tagpipe/lib/python3.*/site-packages \
        /opt/tagpipe/share/doc/tagpipe "${VERSION}"

# --- The code, compiled ----------------------------------------------------------------------------------------------
# Unchecked: nothing changes below a read-only root, so nothing needs to be compared at each start.
FROM ${PYTHON_IMAGE} AS code
WORKDIR /app
COPY shared shared
COPY services services
RUN python -m compileall -q --invalidation-mode unchecked-hash .

# --- What runs -------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS services
ARG VERSION
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tagpipe" \
      org.opencontainers.image.description="Every PLC tag value into Oracle: none lost, none twice" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The number, not the name, in USER: Kubernetes' runAsNonRoot checks it.
RUN groupadd --gid 10001 tagpipe \
 && useradd --uid 10001 --gid tagpipe --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tagpipe \
 && install -d -o tagpipe -g tagpipe /var/lib/tagpipe /var/lib/tagpipe/backup /var/lib/tagpipe/outbox
ENV PATH=/opt/tagpipe/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    BACKUP_DIR=/var/lib/tagpipe/backup \
    MONITOR_HOST=0.0.0.0
COPY --from=packages /opt/tagpipe /opt/tagpipe
COPY --from=code /app /app
WORKDIR /app
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m"]

# --- The Oracle stand-in: never in production ------------------------------------------------------------------------
FROM services AS oracle-stand-in
LABEL org.opencontainers.image.title="tagpipe-oracle-stand-in" \
      org.opencontainers.image.description="A test double of Oracle for laptops and CI: not a database"
COPY oracle_stand_in oracle_stand_in
USER 0
RUN install -d -o tagpipe -g tagpipe /var/lib/oracle-stand-in
USER 10001:10001
EXPOSE 1521
ENTRYPOINT ["python", "-m", "oracle_stand_in"]
CMD ["--help"]

# `docker build .` makes the image of the services.
FROM services
