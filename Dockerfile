# syntax=docker/dockerfile:1.7
# One image for every service of docker-compose.yml. With Whisper: --build-arg WHISPER=1 (torch: several GB).
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
ARG WHISPER=0
# Compiled here: the run stage cannot write beside the modules, and each start and health check would compile them anew.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /app
# uv stays in this stage: it brings the build backend of pyproject.toml, and the image needs neither.
RUN python -m venv --without-pip /venv && pip install --quiet "uv==${UV_VERSION}"
COPY requirements.lock requirements-whisper.lock ./
RUN uv pip install --python /venv/bin/python --no-deps -r requirements.lock
RUN if [ "${WHISPER}" = 1 ]; then \
      uv pip install --python /venv/bin/python --no-deps -r requirements-whisper.lock; \
    fi
COPY pyproject.toml README.md ./
COPY customer_analytics customer_analytics
COPY dashboard dashboard
RUN uv pip install --python /venv/bin/python --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE} AS run
# libgomp: LightGBM. tini is not needed: compose starts an init process.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 app && useradd --uid 10001 --gid app --home-dir /data --shell /usr/sbin/nologin app \
 && mkdir -p /data/home /data/sources && chown -R app:app /data
COPY --from=build /venv /venv
WORKDIR /app
COPY dashboard dashboard
COPY deploy deploy
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/data \
    CUSTOMER_ANALYTICS_HOME=/data/home XDG_CACHE_HOME=/data/home/cache
# By number: Kubernetes' runAsNonRoot does not take a name for it.
USER 10001:10001
ENTRYPOINT ["python", "-m", "customer_analytics.service"]
CMD ["customer-analytics", "doctor"]
