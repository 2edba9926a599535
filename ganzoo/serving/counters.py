"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

PROMETHEUS = "text/plain; version=0.0.4"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SAMPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Counters:
    """Counts of one server. Names of models are the only words of clients in it, and only of models that there are."""

    def __init__(self) -> None:
        self.registry = here = CollectorRegistry()
        asked, by_model = "Requests for samples or latents.", ("model",)
        self.requests = Counter("ganzoo_requests", asked, ("model", "status"), registry=here)
        took = "From a request to the beginning of its answer."
        self.seconds = Histogram("ganzoo_request_seconds", took, by_model, buckets=SECONDS, registry=here)
        self.samples = Counter("ganzoo_samples", "Samples that were drawn.", by_model, registry=here)
        at_once = "Samples that were drawn at once."
        self.batches = Histogram("ganzoo_batch_samples", at_once, by_model, buckets=SAMPLES, registry=here)
        self.waiting = Gauge("ganzoo_waiting_samples", "Samples that wait to be drawn.", registry=here)

    def answered(self, model: str, status: int, seconds: float) -> None:
        self.requests.labels(model, str(status)).inc()
        self.seconds.labels(model).observe(seconds)

    def drawn(self, model: str, count: int) -> None:
        """A batch was."""
        self.samples.labels(model).inc(count)
        self.batches.labels(model).observe(count)

    def text(self) -> bytes:
        """In Prometheus' format for text, version 0.0.4."""
        return generate_latest(self.registry)
