FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GOCUA_DATABASE_URL=sqlite:////data/gocua.db

WORKDIR /app
# Rarely changes, so it stands first and is taken from the cache.
COPY requirements.lock ./
RUN pip install --no-cache-dir --requirement requirements.lock

COPY pyproject.toml README.md LICENSE NOTICE ./
COPY knowledge knowledge
COPY bot bot
COPY api api
RUN pip install --no-cache-dir --no-deps . \
    && useradd --system --uid 10001 --home-dir /data gocua \
    && install --directory --owner gocua --mode 0700 /data

USER gocua
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/serving', timeout=4)"]
CMD ["gocua", "serve", "--host", "0.0.0.0", "--port", "8000"]
