FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY requirements.txt ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /venv/bin/python -c 'from retrieval.understanding import warm_up; warm_up()'

FROM python:3.12-slim
RUN useradd --system --create-home --home-dir /data dalil
COPY --from=build /venv /venv
USER dalil
WORKDIR /data
ENV DALIL_HOME=/data DALIL_HOST=0.0.0.0 PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["dalil", "serve"]
